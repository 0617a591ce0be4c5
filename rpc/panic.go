package rpc

import (
	"context"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/panicpb"
)

// panicExitCode is the exit code of the panic command, the same as over HTTP.
const panicExitCode = 255

type panicService struct {
	panicpb.UnimplementedPanicServiceServer
	log  *logrus.Logger
	exit func(code int)
}

// Panic ends the process. A caller sees Unavailable, because its connection breaks.
func (s *panicService) Panic(ctx context.Context, _ *panicpb.PanicRequest) (*panicpb.PanicResponse, error) {
	if s.exit == nil {
		return nil, status.Error(codes.PermissionDenied, "callers may not end this server")
	}
	s.log.WithContext(ctx).Info("Panic command received")
	s.exit(panicExitCode)
	return nil, status.Error(codes.Unavailable, stoppingMessage)
}
