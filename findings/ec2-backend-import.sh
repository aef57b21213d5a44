#!/bin/sh
# moto 5.2.5 with boto3 1.44.5: what `import moto.ec2` reads.
#
# Guessed: an import of moto's EC2 backend defines classes, and reads tables when a request asks for them; the list of regions
# comes from botocore's endpoints.json, read once.
# Seen: the import parses botocore's whole description of EC2's API, its largest one, three times: each of three boto3 sessions
# reads it anew, and the list of endpoints too. Beside it 92 tables of instance types and images are unpacked.
# Why it matters: moto's backends of other services (ECS, Application Auto Scaling, Auto Scaling) import it too, so every process
# that serves one of them pays for it at its start, and so does every worker of a test run, before the first request.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install moto==5.2.5 boto3==1.44.5 botocore==1.44.5
"$folder/venv/bin/python" - <<'PYTHON'
import collections

import botocore.loaders
import moto.core.models  # what all backends share
import moto.utilities.utils

read, tables = collections.Counter(), collections.Counter()
load_file, load_resource = botocore.loaders.JSONFileLoader.load_file, moto.utilities.utils.load_resource


def counted_file(self, path):
    found = load_file(self, path)
    if found is not None:
        read["/".join(path.split("/")[-3::2])] += 1
    return found


def counted_table(path):
    tables[path.split("/")[2].split(".")[0]] += 1
    return load_resource(path)


botocore.loaders.JSONFileLoader.load_file = counted_file
moto.utilities.utils.load_resource = counted_table
import moto.applicationautoscaling  # noqa: E402, F401 - not EC2 at all

print(dict(read), dict(tables))
assert read["ec2/service-2"] == 3, "it has changed"
assert sum(tables.values()) == 92, "it has changed"
PYTHON
