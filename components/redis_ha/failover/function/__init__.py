"""The Lambda function of the failover automation, shipped as it stands: a package whose `handler.handle` Lambda calls.

Standard library and boto3 only, which every Python runtime of Lambda brings; for python3.14, the newest runtime that
docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html names. What is decided is a plain function on plain data
(`table`, `events`, `document`); `calls` asks AWS, `handler` does it in order.
"""
