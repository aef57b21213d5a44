<?php
// Writers by Predis and phpredis. One process is one row: CLIENT, FORM and SETTINGS say which.
//
// CLIENT ends in -request or -lambda. A request makes its client, writes and ends, as under PHP-FPM. A Lambda function keeps its
// client from one invocation to the next.

require_once 'Predis/autoload.php';

$form = getenv('FORM');
$settings = getenv('SETTINGS');
[$library, $kind] = explode('-', getenv('CLIENT'));
$hosts = explode(',', getenv('HOSTS'));
$service = getenv('MASTER_NAME');
$user = getenv('USERNAME');
$password = getenv('PASSWORD');
$sentinelUser = getenv('SENTINEL_USERNAME');
$sentinelPassword = getenv('SENTINEL_PASSWORD');
[$host, $port] = explode(':', $hosts[0]);
$port = (int) $port;
$login = ['password' => $password] + ($user === '' ? [] : ['username' => $user]);

$predis = [
    'sentinel defaults' => function () use ($hosts, $service, $login, $sentinelPassword, $sentinelUser) {
        // settings: predis sentinel defaults
        $sentinels = array_map(
            fn ($one) => "tcp://$one?username=$sentinelUser&password=$sentinelPassword", // the user name is dropped: see below
            $hosts
        );
        return new Predis\Client($sentinels, [
            'replication' => 'sentinel', 'service' => $service, 'parameters' => $login,
        ]);
        // end
    },
    'sentinel recommended' => function () use ($hosts, $service, $login, $sentinelPassword, $sentinelUser) {
        // settings: predis sentinel recommended
        $factory = new Predis\Connection\Factory();
        $sentinels = array_map(function ($one) use ($factory, $sentinelUser, $sentinelPassword) {
            [$host, $port] = explode(':', $one);
            // Made here, a connection keeps its user name. Sentinel has no SELECT: no database.
            return $factory->create([
                'host' => $host, 'port' => $port, 'username' => $sentinelUser, 'password' => $sentinelPassword,
                'timeout' => 1.0, 'read_write_timeout' => 1.0, 'role' => 'sentinel',
            ]);
        }, $hosts);
        $client = new Predis\Client($sentinels, [
            'replication' => 'sentinel', 'service' => $service,
            'parameters' => $login + ['timeout' => 1.0, 'read_write_timeout' => 1.0],
        ]);
        $client->getConnection()->setRetryLimit(40);
        $client->getConnection()->setRetryWait(500);
        return $client;
        // end
    },
    'primary defaults' => function () use ($host, $port, $login) {
        // settings: predis primary defaults
        return new Predis\Client(['host' => $host, 'port' => $port] + $login);
        // end
    },
    'primary recommended' => function () use ($host, $port, $login) {
        // settings: predis primary recommended
        return new Predis\Client(['host' => $host, 'port' => $port, 'timeout' => 1.0, 'read_write_timeout' => 1.0] + $login);
        // end
    },
    'cluster defaults' => function () use ($host, $port, $login) {
        // settings: predis cluster defaults
        return new Predis\Client(["tcp://$host:$port"], ['cluster' => 'redis', 'parameters' => $login]);
        // end
    },
    'cluster recommended' => function () use ($host, $port, $login) {
        // settings: predis cluster recommended
        $client = new Predis\Client(["tcp://$host:$port"], [
            'cluster' => 'redis', 'parameters' => $login + ['timeout' => 1.0, 'read_write_timeout' => 1.0],
        ]);
        $client->getConnection()->setRetryLimit(20);
        $client->getConnection()->setRetryInterval(50);
        return $client;
        // end
    },
];

$phpredis = [
    'sentinel defaults' => function () use ($hosts, $service, $user, $password, $sentinelUser, $sentinelPassword) {
        // settings: phpredis sentinel defaults
        foreach ($hosts as $one) {
            [$host, $port] = explode(':', $one);
            $sentinel = new RedisSentinel(['host' => $host, 'port' => (int) $port, 'auth' => [$sentinelUser, $sentinelPassword]]);
            $master = $sentinel->getMasterAddrByName($service);
            if ($master) {
                $client = new Redis();
                $client->connect($master[0], (int) $master[1]);
                $client->auth([$user, $password]);
                return $client;
            }
        }
        throw new RuntimeException('no Sentinel named a master');
        // end
    },
    'sentinel recommended' => function () use ($hosts, $service, $user, $password, $sentinelUser, $sentinelPassword) {
        // settings: phpredis sentinel recommended
        foreach ($hosts as $one) {
            [$host, $port] = explode(':', $one);
            try {
                $sentinel = new RedisSentinel([
                    'host' => $host, 'port' => (int) $port, 'auth' => [$sentinelUser, $sentinelPassword],
                    'connectTimeout' => 1.0, 'readTimeout' => 1.0,
                ]);
                $master = $sentinel->getMasterAddrByName($service);
                if (!$master) {
                    continue;
                }
                $client = new Redis(['host' => $master[0], 'port' => (int) $master[1], 'auth' => [$user, $password],
                    'connectTimeout' => 1.0, 'readTimeout' => 1.0]);
                if ($client->rawCommand('ROLE')[0] === 'master') {
                    return $client;
                }
            } catch (RedisException) {
                // the next Sentinel
            }
        }
        throw new RedisException('no Sentinel named a master that answers');
        // end
    },
    'primary defaults' => function () use ($host, $port, $user, $password) {
        // settings: phpredis primary defaults
        $client = new Redis();
        $client->connect($host, $port);
        $client->auth($user === '' ? $password : [$user, $password]);
        return $client;
        // end
    },
    'primary recommended' => function () use ($host, $port, $user, $password) {
        // settings: phpredis primary recommended
        return new Redis([
            'host' => $host, 'port' => $port, 'auth' => $user === '' ? $password : [$user, $password],
            'connectTimeout' => 1.0, 'readTimeout' => 1.0,
        ]);
        // end
    },
    'cluster defaults' => function () use ($host, $port, $user, $password) {
        // settings: phpredis cluster defaults
        return new RedisCluster(null, ["$host:$port"], auth: $user === '' ? $password : [$user, $password]);
        // end
    },
    'cluster recommended' => function () use ($host, $port, $user, $password) {
        // settings: phpredis cluster recommended
        return new RedisCluster(null, ["$host:$port"], 1.0, 1.0, false, $user === '' ? $password : [$user, $password]);
        // end
    },
];

// What the recommended settings want around each command: a deadline, and a new client for each try.
// settings: predis sentinel recommended
// settings: predis primary recommended
// settings: predis cluster recommended
// settings: phpredis sentinel recommended
// settings: phpredis primary recommended
// settings: phpredis cluster recommended
function ride_over(?object &$client, callable $make, callable $command, float $seconds): mixed
{
    $deadline = microtime(true) + $seconds;
    while (true) {
        try {
            $client ??= $make();
            $answer = $command($client);
            if ($answer !== false && $answer !== null) { // phpredis answers false to READONLY, and to a lost connection
                return $answer;
            }
            throw new RuntimeException('the server answered ' . var_export($answer, true));
        } catch (Exception $error) { // a wrong password too: stop at what you know to be final
            $client = null;
            if (microtime(true) > $deadline) {
                throw $error;
            }
            usleep(random_int(50_000, 500_000));
        }
    }
}
// end

$make = ['predis' => $predis, 'phpredis' => $phpredis][$library]["$form $settings"];
$client = null;
$until = (float) getenv('UNTIL');
$now = fn () => (int) (microtime(true) * 1e6);
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(fn ($number, $text) => fwrite(STDERR, "$text\n") !== false);
for ($number = 1; microtime(true) < $until; $number++) {
    $start = $now();
    $told = 'ok';
    $set = fn ($client) => $client->set(getenv('PREFIX') . $number, (string) $number);
    try {
        if ($kind === 'request') {
            $client = null;
        }
        if ($settings === 'recommended') {
            ride_over($client, $make, $set, 20);
        } else {
            $client ??= $make();
            $answer = $set($client);
            if ($answer === false || $answer === null) {
                $last = $client instanceof Redis ? $client->getLastError() : '';
                $told = 'error answer: ' . var_export($answer, true) . " $last";
            }
        }
    } catch (Throwable $error) {
        $told = 'error ' . get_class($error) . ': ' . strtr($error->getMessage(), "\r\n", '  ');
    }
    echo "$start {$now()} $number $told\n";
    usleep(10_000);
}
