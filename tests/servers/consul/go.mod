// Consul's own program, for the tests of the failover function's copies: an MPL version with few modules, which is built in minutes.
// Its own go.mod takes api and sdk from beside it, which a build from outside cannot; these releases of them fit.
module redis-ha/consul
go 1.20
require github.com/hashicorp/consul v1.10.4
replace github.com/hashicorp/consul/api => github.com/hashicorp/consul/api v1.10.1
replace github.com/hashicorp/consul/sdk => github.com/hashicorp/consul/sdk v0.9.0
