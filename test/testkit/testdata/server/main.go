// Command server is a stand-in for podinfo in the tests of the process helper. Its first start in a data directory
// finds its port taken, the second one works; it says on stderr what it was told to do.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	host := flag.String("host", "", "")
	port := flag.String("port", "", "")
	data := flag.String("data-path", "", "")
	_ = flag.String("port-metrics", "", "")
	_ = flag.String("grpc-port", "", "")
	flag.Parse()

	if err := os.Mkdir(filepath.Join(*data, "started"), 0o755); err == nil {
		fmt.Fprintln(os.Stderr, "listen: address already in use")
		os.Exit(1)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(*host, *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		fmt.Println("stopping")
		os.Exit(7)
	}()
	fmt.Fprintln(os.Stderr, "GREETING is", os.Getenv("GREETING"))
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.NotFoundHandler()))
}
