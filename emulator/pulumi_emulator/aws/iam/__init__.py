"""What a role may do: its policies are enforced for calls that are signed with its credentials, as AWS does it.

`asked` says what a request asks for, `grants` which actions and resources that is, `kept` which policies count, `evaluation`
whether they allow it, `denials` how a refusal is answered; `gate` does it in this order. Nothing of it is loaded before a role
is taken on or its key is used.
"""
