package rpc

import (
	"context"

	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/shared/info"
)

type versionService struct {
	versionpb.UnimplementedVersionServiceServer
	identity info.Identity
}

// Version answers with the version and the commit of the server.
func (s *versionService) Version(
	context.Context, *versionpb.VersionRequest,
) (*versionpb.VersionResponse, error) {
	return &versionpb.VersionResponse{Version: s.identity.Version, Commit: s.identity.Revision}, nil
}
