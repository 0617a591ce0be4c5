package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/host"
)

func hostGRPC(ctx context.Context, bin, dir string) (echo, func(), error) {
	return openHost(ctx, bin, dir, contract.GRPC)
}

func hostRPC(ctx context.Context, bin, dir string) (echo, func(), error) {
	return openHost(ctx, bin, dir, contract.RPC)
}

// openHost has podinfo's host run the plugin echo, with metrics as in podinfo.
func openHost(ctx context.Context, bin, dir string, transport contract.Transport) (echo, func(), error) {
	plugins := filepath.Join(dir, string(transport))
	name := "protocol-" + string(transport) + "-echo"
	if err := os.Mkdir(plugins, 0o700); err != nil {
		return nil, nil, err
	}
	if err := os.Link(filepath.Join(bin, "echo"), filepath.Join(plugins, name)); err != nil {
		return nil, nil, err
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := host.Open(host.Options{
		Dir: plugins, Poll: time.Second, CallTimeout: patience, StartTimeout: patience, MaxCalls: 64, MaxFile: 128 << 20,
		Log: log, Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = h.Close(context.WithoutCancel(ctx)) }
	call := func(ctx context.Context, data []byte) ([]byte, error) {
		answer, err := h.Encode(ctx, name, data)
		if err != nil {
			return nil, err
		}
		bytes, ok := answer.([]byte)
		if !ok {
			return nil, fmt.Errorf("the plugin answered a %T", answer)
		}
		return bytes, nil
	}
	if err := await(ctx, call); err != nil {
		end()
		return nil, nil, err
	}
	return call, end, nil
}

// await calls until the plugin is up.
func await(ctx context.Context, call echo) error {
	for deadline := time.Now().Add(patience); ; {
		_, err := call(ctx, nil)
		_, starting := errors.AsType[*contract.UnavailableError](err)
		if !starting && !errors.Is(err, contract.ErrNotFound) || time.Now().After(deadline) {
			return err
		}
	}
}
