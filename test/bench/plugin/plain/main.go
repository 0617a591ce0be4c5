// Command plain echoes bytes over gRPC on the Unix socket that is its argument: the yardstick of plugins over gRPC.
package main

import (
	"log"
	"net"
	"os"

	"google.golang.org/grpc"

	"github.com/podinfo-targets/podinfo/test/bench/plugin/service"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	service.Register(server)
	log.Fatal(server.Serve(listener))
}
