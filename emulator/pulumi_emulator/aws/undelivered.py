"""What a service finds when it cannot hand something over to another one."""

from __future__ import annotations


class UndeliveredError(Exception):
    """It was not taken.

    `code` is EventBridge's word for why (eb-rule-dlq.html); `retried` says whether trying again may help.
    """

    def __init__(self, code: str, text: str, *, retried: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.retried = retried
