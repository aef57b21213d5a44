"""A message of SNS in the forms that its subscribers get it in, signed.

docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html and sns-verify-signature-of-message.html;
docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_BITS: Final = 2048
# What is signed of a notification, in this order, where it is there.
SIGNED: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


@dataclass(frozen=True)
class Message:
    """A message for one subscription; attributes as moto has them: {"name": {"Type": ..., "Value": ...}}."""

    id: str
    topic: str
    subscription: str
    text: str
    subject: str | None
    attributes: Mapping[str, Any]
    time: datetime
    signature_version: str = "1"


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def signed(message: Message) -> dict[str, Any]:
    """Return the message as SNS posts it."""
    region = message.topic.split(":")[3]
    address = f"https://sns.{region}.amazonaws.com/"
    made = {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": message.topic,
        **({"Subject": message.subject} if message.subject else {}),
        "Message": message.text,
        "Timestamp": message.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    text = "".join(f"{name}\n{made[name]}\n" for name in SIGNED if name in made)
    # Version 1 is SHA1, 2 is SHA256 (sns-verify-signature-of-message.html).
    algorithm: hashes.HashAlgorithm = hashes.SHA256() if message.signature_version == "2" else hashes.SHA1()  # noqa: S303
    signature = _key().sign(text.encode(), padding.PKCS1v15(), algorithm)
    return {
        **made,
        "SignatureVersion": message.signature_version,
        "Signature": base64.b64encode(signature).decode(),
        "SigningCertURL": f"{address}SimpleNotificationService.pem",
        "UnsubscribeURL": f"{address}?Action=Unsubscribe&SubscriptionArn={message.subscription}",
        **({"MessageAttributes": dict(message.attributes)} if message.attributes else {}),
    }


def as_text(posted: Mapping[str, Any]) -> str:
    """Return a message as the text that a queue or an address gets."""
    return json.dumps(posted, indent=2)


def as_record(posted: Mapping[str, Any], subscription: str) -> dict[str, Any]:
    """Return a message as the record that Lambda gets: a subject and attributes are always there, two names are others."""
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    body = {renamed.get(name, name): value for name, value in posted.items()}
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {"Subject": None, "MessageAttributes": {}, **body},
    }


def raw_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's attributes as those of a queue's message."""
    return {
        name: {
            "DataType": value["Type"],
            "BinaryValue" if value["Type"].startswith("Binary") else "StringValue": value["Value"]
            if value["Type"].startswith("Binary")
            else str(value["Value"]),
        }
        for name, value in attributes.items()
    }
