"""The local installation's secret key."""

import multiprocessing
import stat

from config.secret_key import local_secret_key


class TestLocalSecretKey:
    def test_is_made_once_and_kept(self, tmp_path):
        key = local_secret_key(tmp_path / "data")
        assert len(key) == 50
        assert local_secret_key(tmp_path / "data") == key

    def test_differs_between_installations(self, tmp_path):
        assert local_secret_key(tmp_path / "one") != local_secret_key(tmp_path / "two")

    def test_can_be_read_by_its_owner_alone(self, tmp_path):
        local_secret_key(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
        assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600

    def test_is_the_same_for_all_who_start_at_once(self, tmp_path):
        with multiprocessing.get_context("spawn").Pool(4) as pool:
            keys = pool.map(local_secret_key, [tmp_path] * 40, chunksize=1)
        assert len(set(keys)) == 1
        assert len(keys[0]) == 50
