"""What the postbox signs with where it plays a mail service: no secrets, since it calls this machine alone."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

WEBHOOK_SECRET = "postbox webhook secret"  # noqa: S105 - for everybody to know
"""What it signs with as Mailgun, and its password as Postmark."""
TOPIC_ARN = "arn:aws:sns:us-east-1:000000000000:postbox"
"""The topic that it tells by as Amazon."""
KEY_BITS = 2048


@cache
def signing_key() -> EllipticCurvePrivateKey:
    """Return the key that it signs with as SendGrid: always the same."""
    return derive_private_key(int.from_bytes(hashlib.sha256(WEBHOOK_SECRET.encode()).digest()), SECP256R1())


def verification_key() -> str:
    """Return the public half of it, as SendGrid shows it."""
    public = signing_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(public).decode()


def sign_as_sendgrid(content: bytes) -> str:
    return base64.b64encode(signing_key().sign(content, ECDSA(SHA256()))).decode()


@cache
def amazon_key() -> tuple[RSAPrivateKey, bytes, str]:
    """Return the key that this process signs with as Amazon, its certificate (PEM), and the certificate's path."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    return key, pem, f"/SimpleNotificationService-{hashlib.sha256(pem).hexdigest()[:32]}.pem"


def sign_as_amazon(content: bytes) -> str:
    key, _, _ = amazon_key()
    return base64.b64encode(key.sign(content, PKCS1v15(), SHA256())).decode()
