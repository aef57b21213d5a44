#!/bin/sh
# github.com/redis/go-redis/v9 v9.23.0: what MaxRetries counts for when a server takes connections and says nothing.
#
# Guessed: a command that was never sent is tried MaxRetries times more, whatever kept it from being sent.
# Seen: when the server refuses the connection, it is tried so. When it accepts it and does not answer the greeting (HELLO) in time, as
# a process that stands still, the command ends with "i/o timeout" after one connection. It was never written to the wire.
# Why it matters: Sentinel and ElastiCache need seconds until a silent master has a successor. MaxRetries and its back-off are set to
# ride over them, and ride over the loss of a master whose machine refuses connections only.
#
# Fails when this changes. Needs Go.
set -eu
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
export GOMODCACHE="$folder/modules" GOCACHE="$folder/cache" GOFLAGS=-mod=mod
mkdir "$folder/seen"
cd "$folder/seen"
go mod init seen 2> /dev/null
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// dials returns how many connections one SET tries to make to an address before it ends with an error.
func dials(address string) int {
	count := 0
	client := redis.NewClient(&redis.Options{
		Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
			count++
			return net.Dial(network, address)
		},
		MaxRetries: 4, MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialerRetries: 1, ReadTimeout: 300 * time.Millisecond,
	})
	defer client.Close()
	if err := client.Set(context.Background(), "a", 1, 0).Err(); err == nil {
		panic("nobody can have answered")
	} else {
		fmt.Println(count, "connections, then:", err)
	}
	return count
}

func main() {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts for it
	if err != nil {
		panic(err)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	gone.Close()
	if refused, unanswered := dials(gone.Addr().String()), dials(silent.Addr().String()); refused != 5 || unanswered != 1 {
		fmt.Println("it has changed")
		os.Exit(1)
	}
}
GO
go get github.com/redis/go-redis/v9@v9.23.0 2> /dev/null
go run .
