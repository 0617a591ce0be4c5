package rpc

import (
	"context"

	"github.com/podinfo-targets/podinfo/rpc/pb/infopb"
	"github.com/podinfo-targets/podinfo/shared/info"
)

type infoService struct {
	infopb.UnimplementedInfoServiceServer
	identity info.Identity
}

// Info answers with the identity of the process and the state of its runtime.
func (s *infoService) Info(context.Context, *infopb.InfoRequest) (*infopb.InfoResponse, error) {
	now := s.identity.Snapshot()
	return &infopb.InfoResponse{
		Hostname:     text(now.Hostname),
		Version:      now.Version,
		Revision:     now.Revision,
		Color:        text(now.Color),
		Logo:         text(now.Logo),
		Message:      text(now.Message),
		Goos:         now.GOOS,
		Goarch:       now.GOARCH,
		Runtime:      now.Runtime,
		Numgoroutine: now.NumGoroutine,
		Numcpu:       now.NumCPU,
	}, nil
}
