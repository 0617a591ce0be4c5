// Package rpc is the gRPC API of podinfo: the services of the files below proto/, gRPC's own health service
// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) and server reflection, v1 and v1alpha.
//
// One file per service holds its handlers and nothing else. What surrounds every call (recovery from panics, metrics,
// traces, limits) is put together once, in options.go. A Server listens on ports of its own with Serve, or takes calls
// that an HTTP/2 server received with ServeHTTP; stop.go says how it ends.
//
// The wire names are older than this code, and clients rely on them: service, message and field names, field numbers,
// and the file names that reflection shows. README.md tells how to change the .proto files.
package rpc

//go:generate ./generate.sh
