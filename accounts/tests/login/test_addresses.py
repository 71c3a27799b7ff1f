import pytest
from django.test import RequestFactory

from accounts.login.addresses import client_address


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        (0, "198.51.100.1", "10.0.0.1"),  # nobody of ours wrote it
        (1, "", "10.0.0.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # the client wrote the first
        (2, "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1"),  # did not come through both
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "junk", "10.0.0.1"),
        (1, " , ", "10.0.0.1"),
    ],
)
def test_client_address(count, forwarded, address, settings):
    settings.TRUSTED_PROXY_COUNT = count
    headers = {"X-Forwarded-For": forwarded} if forwarded else None
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers=headers)
    assert client_address(request) == address


def test_client_address_of_a_unix_socket():
    assert client_address(RequestFactory().get("/", REMOTE_ADDR="")) == "0.0.0.0"
