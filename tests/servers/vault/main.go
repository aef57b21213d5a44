// A server of Vault for tests: Vault's own core, key/value store and HTTP handler, with everything in memory.
//
//	vault ADDRESS CERTIFICATE KEY
//
// It prints its root token when it serves. `vault server -dev` would be the same with every plugin of Vault compiled in, which
// takes several times as long.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

const store = "kv"

// plugins are the ones that this server knows: the key/value store alone.
type plugins struct{}

func (plugins) Contains(name string, _ consts.PluginType) bool { return name == store }

func (plugins) Get(name string, _ consts.PluginType) (func() (interface{}, error), bool) {
	return func() (interface{}, error) { return logical.Factory(kv.Factory), nil }, name == store
}

func (plugins) Keys(consts.PluginType) []string { return []string{store} }

func (plugins) DeprecationStatus(name string, _ consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, name == store
}

func main() {
	address, certificate, key := os.Args[1], os.Args[2], os.Args[3]
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	must(err)
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:        storage,
		DisableMlock:    true,
		Logger:          logger,
		LogicalBackends: map[string]logical.Factory{store: kv.Factory},
		BuiltinRegistry: plugins{},
	})
	must(err)
	made, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig:  &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
		RecoveryConfig: &vault.SealConfig{},
	})
	must(err)
	if _, err := core.Unseal(made.SecretShares[0]); err != nil {
		log.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	must(err)
	listener, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}})
	must(err)
	fmt.Println(made.RootToken)
	must(http.Serve(listener, vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
