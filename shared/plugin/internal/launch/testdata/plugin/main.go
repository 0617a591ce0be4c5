// Command plugin is a protocol plugin that behaves as the last part of its name says, and otherwise well: it returns each
// value, and does what the strings among them order.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/wire"
)

func main() {
	if os.Getenv("MODE") == "hang" {
		time.Sleep(time.Hour)
	}
	name, err := contract.ParseName(filepath.Base(os.Args[0]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mode, _, _ := strings.Cut(name.Short, "_")
	before(mode)
	switch {
	case mode == "other" && name.Transport == contract.GRPC:
		name.Transport = contract.RPC
	case mode == "other":
		name.Transport = contract.GRPC
	}
	brokers := make(chan *goplugin.MuxBroker, 1)
	sets := wire.ServerSets(echo{brokers})
	if name.Transport == contract.RPC {
		set := wire.Only(name.Transport, sets)[1]
		set[wire.Dispensed] = &brokered{set[wire.Dispensed], brokers}
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: wire.Only(name.Transport, sets),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			if mode == "stdio" {
				o = append(o, grpc.StreamInterceptor(large))
			}
			if mode == "headers" {
				o = append(o, grpc.UnaryInterceptor(headers))
			}
			return goplugin.DefaultGRPCServer(o)
		},
	})
}

// brokered hands the broker of its connection over.
type brokered struct {
	goplugin.Plugin
	brokers chan<- *goplugin.MuxBroker
}

func (p *brokered) Server(b *goplugin.MuxBroker) (any, error) {
	p.brokers <- b
	return p.Plugin.Server(b)
}

// headers answers each call of the protocol but the one of Info with a mebibyte of headers.
func headers(ctx context.Context, r any, call *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if strings.HasSuffix(call.FullMethod, "code") {
		_ = grpc.SetHeader(ctx, metadata.Pairs("x", strings.Repeat("x", 1<<20)))
	}
	return next(ctx, r)
}

// large sends a message of 64 MiB on the stream by which go-plugin's host gets what a plugin prints.
func large(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if strings.HasSuffix(info.FullMethod, "/StreamStdio") {
		return stream.SendMsg(wrapperspb.Bytes(make([]byte, 64<<20)))
	}
	return next(server, stream)
}

// before does what is wrong with a plugin before it serves.
func before(mode string) {
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	protocol := "netrpc"
	if strings.Contains(os.Args[0], "-grpc-") {
		protocol = "grpc"
	}
	hello := "1|" + version(protocol) + "|%s|%s|" + protocol + "|%s\n"
	say := func(network, address, certificate string) {
		fmt.Printf(hello, network, address, certificate)
		forever()
	}
	modes := map[string]func(){
		"garbage":   func() { fmt.Println("Hello! I am starting up."); forever() },
		"binary":    func() { _, _ = os.Stdout.Write(append(make([]byte, 100), '\n')); forever() },
		"long":      func() { _, _ = os.Stdout.Write(make([]byte, 10<<20)); forever() },
		"exit":      func() { fmt.Fprintln(os.Stderr, "the license has expired"); os.Exit(3) },
		"partial":   func() { fmt.Print("1|1|unix"); os.Exit(0) },
		"closed":    func() { _ = os.Stdout.Close(); forever() },
		"silent":    forever,
		"tcp":       func() { say("tcp", "127.0.0.1:1", "") },
		"foreign":   func() { say("unix", listen(filepath.Dir(dir)+"/foreign"), "") },
		"dots":      func() { say("unix", dir+"/../x", "") },
		"file":      func() { _ = os.WriteFile(dir+"/s", nil, 0o600); say("unix", dir+"/s", "") },
		"link":      func() { _ = os.Symlink(listen(dir+"/real"), dir+"/s"); say("unix", dir+"/s", "") },
		"version":   func() { fmt.Printf("1|9|unix|%s|%s|\n", listen(dir+"/s"), protocol); forever() },
		"deaf":      func() { say("unix", listen(dir+"/s"), "") },
		"cert":      func() { say("unix", listen(dir+"/s"), certificate()) },
		"json":      func() { fmt.Fprintln(os.Stderr, `{"@message":5,"@level":[],"@timestamp":{}}`) },
		"flooderr":  func() { go flood(os.Stderr) },
		"floodout":  func() { out := os.Stdout; time.AfterFunc(200*time.Millisecond, func() { flood(out) }) },
		"floodsync": func() { time.AfterFunc(200*time.Millisecond, func() { flood(os.Stdout) }) },
		"nolines":   func() { go endless(os.Stderr) },
	}
	if do := modes[mode]; do != nil {
		do()
	}
}

func version(protocol string) string {
	if protocol == "grpc" {
		return "2"
	}
	return "1"
}

// listen accepts connections and says nothing on them.
func listen(path string) string {
	l, err := net.Listen("unix", path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		for {
			_, _ = l.Accept()
		}
	}()
	return path
}

func certificate() string {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return base64.RawStdEncoding.EncodeToString(der)
}

func flood(w io.Writer) {
	for n := 0; ; n++ {
		if _, err := fmt.Fprintln(w, "line", n, strings.Repeat("x", 500)); err != nil {
			return
		}
	}
}

func endless(w io.Writer) {
	for {
		if _, err := fmt.Fprint(w, strings.Repeat("y", 1<<16)); err != nil {
			return
		}
	}
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// echo returns what it gets, after it did what that asks for.
type echo struct{ brokers <-chan *goplugin.MuxBroker }

func (echo) Info(context.Context) (contract.Info, error) {
	return contract.Info{Name: "Echo", Version: "1", ContentType: "text/plain"}, nil
}

func (echo) Decode(_ context.Context, value any) (any, error) { return value, nil }

func (e echo) Encode(ctx context.Context, value any) (any, error) {
	order, _ := value.(string)
	switch order {
	case "exit":
		os.Exit(3)
	case "freeze":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "hang":
		<-ctx.Done()
		forever()
	case "panic":
		go panic("as ordered")
		forever()
	case "environ":
		return strings.Join(os.Environ(), "\n"), nil
	case "print":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
	case "orphan":
		return orphan()
	case "call":
		return call(ctx)
	case "dial":
		_, err := (<-e.brokers).Dial(7)
		return nil, err
	case "eat":
		return nil, eat()
	}
	return value, nil
}

// call returns what the host has configured.
func call(ctx context.Context) (any, error) {
	host, err := wire.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return host.Config(ctx, "color")
}

// orphan starts a process that keeps our pipes, in a session of its own, and says its number.
func orphan() (any, error) {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{"MODE=hang"}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	c.Stderr = os.NewFile(2, "stderr")
	if err := c.Start(); err != nil {
		return nil, err
	}
	return int64(c.Process.Pid), nil
}

func eat() error {
	var all [][]byte
	for range 512 {
		b := make([]byte, 8<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
	return errors.New("had " + fmt.Sprint(len(all)*8) + " MiB")
}
