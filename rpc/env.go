package rpc

import (
	"context"

	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
)

type envService struct {
	envpb.UnimplementedEnvServiceServer
	environ func() []string
}

// Env answers with the environment of the process.
func (s *envService) Env(context.Context, *envpb.EnvRequest) (*envpb.EnvResponse, error) {
	environ := s.environ()
	vars := make([]string, len(environ))
	for i, v := range environ {
		vars[i] = text(v)
	}
	return &envpb.EnvResponse{EnvVars: vars}, nil
}
