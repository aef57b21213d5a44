// Writers by go-redis and rueidis. One process is one row: CLIENT, FORM and SETTINGS say which.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

var (
	hosts                      = strings.Split(os.Getenv("HOSTS"), ",") // the Sentinels, or the endpoint, as host:port
	masterName                 = os.Getenv("MASTER_NAME")
	user, pass                 = os.Getenv("USERNAME"), os.Getenv("PASSWORD")
	sentinelUser, sentinelPass = os.Getenv("SENTINEL_USERNAME"), os.Getenv("SENTINEL_PASSWORD")
)

type set func(key string, value int) error

func goRedis(client redis.UniversalClient) set {
	return func(key string, value int) error {
		return client.Set(context.Background(), key, value, 0).Err()
	}
}

// settings: go-redis sentinel recommended
// settings: go-redis primary recommended
// settings: go-redis cluster recommended
// Around each command that may be sent twice. MaxRetries does not help here: a write without an answer is not sent again,
// and with Sentinel a large one keeps a command on the old master.
func rideOver(budget time.Duration, command func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	for {
		err := command(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50*time.Millisecond + time.Duration(rand.Int64N(int64(450*time.Millisecond))))
	}
}

// end

func goRedisRiding(client redis.UniversalClient) set {
	return func(key string, value int) error {
		return rideOver(20*time.Second, func(ctx context.Context) error { return client.Set(ctx, key, value, 0).Err() })
	}
}

func goRedisSentinelDefaults() set {
	// settings: go-redis sentinel defaults
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: masterName, SentinelAddrs: hosts,
		Username: user, Password: pass,
		SentinelUsername: sentinelUser, SentinelPassword: sentinelPass,
	})
	// end
	return goRedis(client)
}

func goRedisSentinelRecommended() set {
	// settings: go-redis sentinel recommended
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: masterName, SentinelAddrs: hosts,
		Username: user, Password: pass,
		SentinelUsername: sentinelUser, SentinelPassword: sentinelPass,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
		DialerRetries:         1, // else each dial is tried five times
		ContextTimeoutEnabled: true,
	})
	// end
	return goRedisRiding(client)
}

func goRedisPrimaryDefaults() set {
	// settings: go-redis primary defaults
	client := redis.NewClient(&redis.Options{Addr: hosts[0], Username: user, Password: pass})
	// end
	return goRedis(client)
}

func goRedisPrimaryRecommended() set {
	// settings: go-redis primary recommended
	client := redis.NewClient(&redis.Options{
		Addr: hosts[0], Username: user, Password: pass,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
		DialerRetries:         1, // else each dial is tried five times
		ContextTimeoutEnabled: true,
	})
	// end
	return goRedisRiding(client)
}

func goRedisClusterDefaults() set {
	// settings: go-redis cluster defaults
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: hosts, Username: user, Password: pass})
	// end
	return goRedis(client)
}

func goRedisClusterRecommended() set {
	// settings: go-redis cluster recommended
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: hosts, Username: user, Password: pass,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
		DialerRetries:         1, // else each dial is tried five times
		ContextTimeoutEnabled: true,
	})
	// end
	return goRedisRiding(client)
}

// Made at the first command: NewClient dials, and answers an error when nobody is there.
func byRueidis(options rueidis.ClientOption, deadline time.Duration) set {
	var client rueidis.Client
	return func(key string, value int) (err error) {
		if client == nil {
			if client, err = rueidis.NewClient(options); err != nil {
				return err
			}
		}
		ctx := context.Background()
		if deadline > 0 {
			bounded, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			ctx = bounded
		}
		command := client.B().Set().Key(key).Value(strconv.Itoa(value)).Build()
		if deadline > 0 {
			command = command.ToRetryable() // SET of a fixed value may be sent twice
		}
		return client.Do(ctx, command).Error()
	}
}

func rueidisSentinelDefaults() set {
	// settings: rueidis sentinel defaults
	options := rueidis.ClientOption{
		InitAddress: hosts, Username: user, Password: pass,
		Sentinel: rueidis.SentinelOption{MasterSet: masterName, Username: sentinelUser, Password: sentinelPass},
	}
	// end
	return byRueidis(options, 0)
}

func rueidisSentinelRecommended() set {
	// settings: rueidis sentinel recommended
	options := rueidis.ClientOption{
		InitAddress: hosts, Username: user, Password: pass,
		Dialer:           net.Dialer{Timeout: time.Second, KeepAlive: time.Second},
		ConnWriteTimeout: 2 * time.Second,
		Sentinel: rueidis.SentinelOption{
			MasterSet: masterName, Username: sentinelUser, Password: sentinelPass,
			Dialer:                  net.Dialer{Timeout: time.Second},
			TopologyRefreshInterval: 5 * time.Second,
		},
	}
	// and for each command: ToRetryable() where it may be sent twice, and a context of 20 s
	// end
	return byRueidis(options, 20*time.Second)
}

func rueidisEndpointDefaults() set {
	// settings: rueidis primary defaults
	// settings: rueidis cluster defaults
	options := rueidis.ClientOption{InitAddress: hosts, Username: user, Password: pass}
	// end
	return byRueidis(options, 0)
}

func rueidisEndpointRecommended() set {
	// settings: rueidis primary recommended
	// settings: rueidis cluster recommended
	options := rueidis.ClientOption{
		InitAddress: hosts, Username: user, Password: pass,
		Dialer:           net.Dialer{Timeout: time.Second, KeepAlive: time.Second},
		ConnWriteTimeout: 2 * time.Second,
	}
	// and for each command: ToRetryable() where it may be sent twice, and a context of 20 s
	// end
	return byRueidis(options, 20*time.Second)
}

func main() {
	made := map[string]func() set{
		"go-redis sentinel defaults":    goRedisSentinelDefaults,
		"go-redis sentinel recommended": goRedisSentinelRecommended,
		"go-redis primary defaults":     goRedisPrimaryDefaults,
		"go-redis primary recommended":  goRedisPrimaryRecommended,
		"go-redis cluster defaults":     goRedisClusterDefaults,
		"go-redis cluster recommended":  goRedisClusterRecommended,
		"rueidis sentinel defaults":     rueidisSentinelDefaults,
		"rueidis sentinel recommended":  rueidisSentinelRecommended,
		"rueidis primary defaults":      rueidisEndpointDefaults,
		"rueidis primary recommended":   rueidisEndpointRecommended,
		"rueidis cluster defaults":      rueidisEndpointDefaults, // the same options: it asks whether the server is a cluster
		"rueidis cluster recommended":   rueidisEndpointRecommended,
	}
	write := made[os.Getenv("CLIENT")+" "+os.Getenv("FORM")+" "+os.Getenv("SETTINGS")]()
	until, _ := strconv.ParseFloat(os.Getenv("UNTIL"), 64)
	out := bufio.NewWriter(os.Stdout)
	for number := 1; float64(time.Now().UnixMicro())/1e6 < until; number++ {
		start := time.Now().UnixMicro()
		err := write(os.Getenv("PREFIX")+strconv.Itoa(number), number)
		told := "ok"
		if err != nil {
			inner := err
			for errors.Unwrap(inner) != nil {
				inner = errors.Unwrap(inner)
			}
			told = fmt.Sprintf("error %T: %s", inner, strings.ReplaceAll(err.Error(), "\n", " "))
		}
		fmt.Fprintln(out, start, time.Now().UnixMicro(), number, told)
		out.Flush()
		time.Sleep(10 * time.Millisecond)
	}
}
