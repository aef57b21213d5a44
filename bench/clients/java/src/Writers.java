import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.ClusterTopologyRefreshOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.config.ConstantDelay;
import org.redisson.config.Config;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Writers by Lettuce, Jedis and Redisson. One process is one row: CLIENT, FORM and SETTINGS say which. */
public class Writers {
    static String told(String name) {
        return System.getenv(name);
    }

    static final String[] HOSTS = told("HOSTS").split(",");
    static final String MASTER = told("MASTER_NAME");
    static final String USER = told("USERNAME").isEmpty() ? null : told("USERNAME");
    static final String PASSWORD = told("PASSWORD");
    static final String SENTINEL_USER = told("SENTINEL_USERNAME");
    static final String SENTINEL_PASSWORD = told("SENTINEL_PASSWORD");

    interface Set2 {
        void set(String key, String value) throws Exception;
    }

    interface Make {
        Set2 make() throws Exception;
    }

    static String host(String one) {
        return one.split(":")[0];
    }

    static int port(String one) {
        return Integer.parseInt(one.split(":")[1]);
    }

    // --- Lettuce ---

    static RedisURI lettuceUri(boolean sentinel, Duration timeout) {
        // settings: lettuce sentinel defaults
        // settings: lettuce sentinel recommended
        RedisURI.Builder uri = RedisURI.builder();
        if (sentinel) {
            uri.withSentinelMasterId(MASTER);
            for (String one : HOSTS) { // the Sentinels' login is each Sentinel's own
                uri.withSentinel(RedisURI.builder().withHost(host(one)).withPort(port(one)).withTimeout(timeout)
                        .withAuthentication(SENTINEL_USER, SENTINEL_PASSWORD).build());
            }
        } else {
            uri.withHost(host(HOSTS[0])).withPort(port(HOSTS[0]));
        }
        // end
        if (USER != null) {
            uri.withAuthentication(USER, PASSWORD);
        } else {
            uri.withPassword(PASSWORD.toCharArray());
        }
        return uri.withTimeout(timeout).build();
    }

    static Set2 lettuceDefaults(boolean sentinel) {
        // settings: lettuce sentinel defaults
        // settings: lettuce primary defaults
        var commands = RedisClient.create(lettuceUri(sentinel, RedisURI.DEFAULT_TIMEOUT_DURATION)).connect().sync();
        // end
        return commands::set;
    }

    // settings: lettuce sentinel recommended
    // settings: lettuce primary recommended
    static Set2 lettuceRecommended(boolean sentinel) {
        java.security.Security.setProperty("networkaddress.cache.ttl", "5"); // before the first look-up; else 30 s
        var client = RedisClient.create(lettuceUri(sentinel, Duration.ofSeconds(2))); // of a login and a Sentinel's answer
        client.setOptions(ClientOptions.builder()
                .socketOptions(SocketOptions.builder().connectTimeout(Duration.ofSeconds(1)).build())
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofSeconds(2)))
                .build());
        var held = new AtomicReference<StatefulRedisConnection<String, String>>();
        return (key, value) -> {
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (true) {
                try {
                    if (held.get() == null) {
                        held.set(client.connect());
                    }
                    held.get().sync().set(key, value);
                    return;
                } catch (RedisException error) { // a command that got no answer does not end the connection: end it here
                    var broken = held.getAndSet(null);
                    if (broken != null) {
                        broken.closeAsync();
                    }
                    if (System.nanoTime() > deadline) {
                        throw error;
                    }
                    Thread.sleep(200);
                }
            }
        };
    }
    // end

    static Set2 lettuceClusterDefaults() {
        // settings: lettuce cluster defaults
        var commands = RedisClusterClient.create(lettuceUri(false, RedisURI.DEFAULT_TIMEOUT_DURATION)).connect().sync();
        // end
        return commands::set;
    }

    static Set2 lettuceClusterRecommended() {
        // settings: lettuce cluster recommended
        var resources = ClientResources.builder()
                .reconnectDelay(Delay.fullJitter(
                        Duration.ofMillis(50), Duration.ofMillis(500), 50, TimeUnit.MILLISECONDS))
                .build();
        var client = RedisClusterClient.create(resources, lettuceUri(false, Duration.ofSeconds(2)));
        client.setOptions(ClusterClientOptions.builder()
                .topologyRefreshOptions(ClusterTopologyRefreshOptions.builder()
                        .enableAllAdaptiveRefreshTriggers()
                        .adaptiveRefreshTriggersTimeout(Duration.ofSeconds(1))
                        .enablePeriodicRefresh(Duration.ofSeconds(2))
                        .build())
                .socketOptions(SocketOptions.builder().connectTimeout(Duration.ofSeconds(1)).build())
                .timeoutOptions(TimeoutOptions.enabled(Duration.ofSeconds(2)))
                .build());
        var commands = client.connect().sync();
        // end
        return commands::set;
    }

    // --- Jedis ---

    static Set<HostAndPort> addresses() {
        return Arrays.stream(HOSTS).map(HostAndPort::from).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    static Set2 jedisSentinelDefaults() {
        // settings: jedis sentinel defaults
        var client = redis.clients.jedis.RedisSentinelClient.builder()
                .masterName(MASTER).sentinels(addresses())
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD).build())
                .sentinelClientConfig(DefaultJedisClientConfig.builder().user(SENTINEL_USER).password(SENTINEL_PASSWORD).build())
                .build();
        // end
        return client::set;
    }

    static Set2 jedisSentinelRecommended() {
        // settings: jedis sentinel recommended
        var client = redis.clients.jedis.RedisSentinelClient.builder()
                .masterName(MASTER).sentinels(addresses())
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD)
                        .connectionTimeoutMillis(1000).socketTimeoutMillis(1000).build())
                .sentinelClientConfig(DefaultJedisClientConfig.builder().user(SENTINEL_USER).password(SENTINEL_PASSWORD)
                        .connectionTimeoutMillis(1000).socketTimeoutMillis(1000).build())
                .build();
        // end
        return (key, value) -> rideOver(Duration.ofSeconds(20), () -> client.set(key, value));
    }

    // settings: jedis sentinel recommended
    // settings: jedis primary recommended
    // Around each command. A JedisException is also what a pool says that is being made anew, and READONLY.
    static void rideOver(Duration budget, Runnable command) throws InterruptedException {
        for (long deadline = System.nanoTime() + budget.toNanos(); ; Thread.sleep(200)) {
            try {
                command.run();
                return;
            } catch (JedisException error) {
                if (System.nanoTime() > deadline) {
                    throw error;
                }
            }
        }
    }
    // end

    static Set2 jedisPrimaryDefaults() {
        // settings: jedis primary defaults
        var client = redis.clients.jedis.RedisClient.builder().hostAndPort(HostAndPort.from(HOSTS[0]))
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD).build())
                .build();
        // end
        return client::set;
    }

    static Set2 jedisPrimaryRecommended() {
        // settings: jedis primary recommended
        java.security.Security.setProperty("networkaddress.cache.ttl", "5"); // before the first look-up; else 30 s
        var client = redis.clients.jedis.RedisClient.builder().hostAndPort(HostAndPort.from(HOSTS[0]))
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD)
                        .connectionTimeoutMillis(1000).socketTimeoutMillis(1000).build())
                .build();
        Set2 set = (key, value) -> rideOver(Duration.ofSeconds(20), () -> {
            try {
                client.set(key, value);
            } catch (JedisDataException error) { // READONLY: to the pool its connection to the old primary is a good one
                client.getPool().clear();
                throw error;
            }
        });
        // end
        return set;
    }

    static Set2 jedisClusterDefaults() {
        // settings: jedis cluster defaults
        var client = redis.clients.jedis.RedisClusterClient.builder().nodes(addresses())
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD).build())
                .build();
        // end
        return client::set;
    }

    static Set2 jedisClusterRecommended() {
        // settings: jedis cluster recommended
        var client = redis.clients.jedis.RedisClusterClient.builder().nodes(addresses())
                .clientConfig(DefaultJedisClientConfig.builder().user(USER).password(PASSWORD)
                        .connectionTimeoutMillis(1000).socketTimeoutMillis(1000).build())
                .maxAttempts(40).maxTotalRetriesDuration(Duration.ofSeconds(20))
                .topologyRefreshPeriod(Duration.ofSeconds(5))
                .build();
        // end
        return client::set;
    }

    // --- Redisson ---

    static List<String> urls() {
        return Arrays.stream(HOSTS).map(one -> "redis://" + one).toList();
    }

    static Set2 byRedisson(Config config) {
        config.setCodec(org.redisson.client.codec.StringCodec.INSTANCE);
        RedissonClient client = Redisson.create(config);
        return (key, value) -> client.getBucket(key).set(value);
    }

    static Set2 redissonSentinelDefaults() {
        // settings: redisson sentinel defaults
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useSentinelServers().setMasterName(MASTER)
                .addSentinelAddress(urls().toArray(String[]::new))
                .setSentinelUsername(SENTINEL_USER).setSentinelPassword(SENTINEL_PASSWORD);
        // end
        return byRedisson(config);
    }

    static Set2 redissonSentinelRecommended() {
        // settings: redisson sentinel recommended
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useSentinelServers().setMasterName(MASTER)
                .addSentinelAddress(urls().toArray(String[]::new))
                .setSentinelUsername(SENTINEL_USER).setSentinelPassword(SENTINEL_PASSWORD)
                .setConnectTimeout(1000).setTimeout(1000)
                .setRetryAttempts(15).setRetryDelay(new ConstantDelay(Duration.ofMillis(500)));
        // end
        return byRedisson(config);
    }

    static Set2 redissonPrimaryDefaults() {
        // settings: redisson primary defaults
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useSingleServer().setAddress(urls().get(0));
        // end
        return byRedisson(config);
    }

    static Set2 redissonPrimaryRecommended() {
        // settings: redisson primary recommended
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useSingleServer().setAddress(urls().get(0))
                .setDnsMonitoringInterval(1000)
                .setConnectTimeout(1000).setTimeout(1000)
                .setRetryAttempts(15).setRetryDelay(new ConstantDelay(Duration.ofMillis(500)));
        // end
        return byRedisson(config);
    }

    static Set2 redissonClusterDefaults() {
        // settings: redisson cluster defaults
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useClusterServers().addNodeAddress(urls().toArray(String[]::new));
        // end
        return byRedisson(config);
    }

    static Set2 redissonClusterRecommended() {
        // settings: redisson cluster recommended
        var config = new Config();
        config.setUsername(USER).setPassword(PASSWORD);
        config.useClusterServers().addNodeAddress(urls().toArray(String[]::new))
                .setScanInterval(1000)
                .setConnectTimeout(1000).setTimeout(1000)
                .setRetryAttempts(15).setRetryDelay(new ConstantDelay(Duration.ofMillis(500)));
        // end
        return byRedisson(config);
    }

    static Make chosen() {
        return switch (told("CLIENT") + " " + told("FORM") + " " + told("SETTINGS")) {
            case "lettuce sentinel defaults" -> () -> lettuceDefaults(true);
            case "lettuce sentinel recommended" -> () -> lettuceRecommended(true);
            case "lettuce primary defaults" -> () -> lettuceDefaults(false);
            case "lettuce primary recommended" -> () -> lettuceRecommended(false);
            case "lettuce cluster defaults" -> Writers::lettuceClusterDefaults;
            case "lettuce cluster recommended" -> Writers::lettuceClusterRecommended;
            case "jedis sentinel defaults" -> Writers::jedisSentinelDefaults;
            case "jedis sentinel recommended" -> Writers::jedisSentinelRecommended;
            case "jedis primary defaults" -> Writers::jedisPrimaryDefaults;
            case "jedis primary recommended" -> Writers::jedisPrimaryRecommended;
            case "jedis cluster defaults" -> Writers::jedisClusterDefaults;
            case "jedis cluster recommended" -> Writers::jedisClusterRecommended;
            case "redisson sentinel defaults" -> Writers::redissonSentinelDefaults;
            case "redisson sentinel recommended" -> Writers::redissonSentinelRecommended;
            case "redisson primary defaults" -> Writers::redissonPrimaryDefaults;
            case "redisson primary recommended" -> Writers::redissonPrimaryRecommended;
            case "redisson cluster defaults" -> Writers::redissonClusterDefaults;
            case "redisson cluster recommended" -> Writers::redissonClusterRecommended;
            default -> throw new IllegalArgumentException("no such row");
        };
    }

    static long now() {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
    }

    public static void main(String[] given) throws Exception {
        var out = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true);
        double until = Double.parseDouble(told("UNTIL")) * 1e6;
        Make made = chosen();
        Set2 client = null;
        for (int number = 1; now() < until; number++) {
            long start = now();
            String seen = "ok";
            try {
                if (client == null) {
                    client = made.make();
                }
                client.set(told("PREFIX") + number, Integer.toString(number));
            } catch (Exception error) {
                seen = ("error " + error.getClass().getSimpleName() + ": " + error.getMessage()).replace("\n", " ").replace("\r", " ");
            }
            out.println(start + " " + now() + " " + number + " " + seen);
            Thread.sleep(client == null ? 500 : 10); // a client that could not be made may leave threads behind
        }
        System.exit(0);
    }
}
