import pytest

from accounts.login.checks import check_second_factor, check_second_factor_is_required


def ids(problems):
    return [problem.id for problem in problems]


def test_settings_of_tests_are_fine(settings):
    assert check_second_factor() == []


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("REQUIRE_MFA", "everybody", "accounts.E001"),
        ("SECRET_KEYS", [], "accounts.E002"),
        ("SECRET_KEYS", ["too short"], "accounts.E002"),
        ("TRUSTED_PROXY_COUNT", -1, "accounts.E003"),
    ],
)
def test_a_wrong_setting_is_told(name, value, problem, settings):
    setattr(settings, name, value)
    assert ids(check_second_factor()) == [problem]


@pytest.mark.parametrize(("value", "problems"), [("nobody", ["accounts.W001"]), ("superusers", []), ("staff", [])])
def test_production_should_require_a_second_factor(value, problems, settings):
    settings.REQUIRE_MFA = value
    assert ids(check_second_factor_is_required()) == problems
