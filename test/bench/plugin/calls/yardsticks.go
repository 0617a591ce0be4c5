package main

import (
	"context"
	"os/exec"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/podinfo-targets/podinfo/test/bench/plugin/bare"
	"github.com/podinfo-targets/podinfo/test/bench/plugin/service"
)

// plainGRPC is a gRPC server behind a Unix socket.
func plainGRPC(ctx context.Context, bin, dir string) (echo, func(), error) {
	socket := filepath.Join(dir, "plain")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "plain"), socket)
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	end := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		end()
		return nil, nil, err
	}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := service.Await(first, conn); err != nil {
		end()
		return nil, nil, err
	}
	return func(ctx context.Context, data []byte) ([]byte, error) { return service.Call(ctx, conn, data) },
		func() { _ = conn.Close(); end() }, nil
}

func bareGRPC(_ context.Context, bin, _ string) (echo, func(), error) {
	return openBare(bin, goplugin.ProtocolGRPC)
}

func bareRPC(_ context.Context, bin, _ string) (echo, func(), error) {
	return openBare(bin, goplugin.ProtocolNetRPC)
}

// openBare starts a plugin on bare go-plugin.
func openBare(bin string, protocol goplugin.Protocol) (echo, func(), error) {
	transport, kind := "rpc", goplugin.Plugin(bare.RPC{})
	if protocol == goplugin.ProtocolGRPC {
		transport, kind = "grpc", bare.GRPC{}
	}
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: bare.Handshake(), Plugins: goplugin.PluginSet{bare.Dispensed: kind},
		AllowedProtocols: []goplugin.Protocol{protocol}, Logger: hclog.NewNullLogger(), StartTimeout: patience,
		Cmd: exec.Command(filepath.Join(bin, "bareplugin"), transport), //nolint:gosec,noctx // ours; Kill ends it
	})
	call, err := dispense(client)
	if err != nil {
		client.Kill()
		return nil, nil, err
	}
	return func(_ context.Context, data []byte) ([]byte, error) { return call(data) }, client.Kill, nil
}

func dispense(client *goplugin.Client) (bare.Echo, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := protocol.Dispense(bare.Dispensed)
	if err != nil {
		return nil, err
	}
	return dispensed.(bare.Echo), nil
}
