package rpc

import (
	"context"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/podinfo-targets/podinfo/rpc/pb/headerpb"
)

type headerService struct {
	headerpb.UnimplementedHeaderServiceServer
}

// Header answers with the metadata of the call, sorted by key. Nothing is masked, because it is shown to the one who
// sent it.
func (*headerService) Header(ctx context.Context, _ *headerpb.HeaderRequest) (*headerpb.HeaderResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	headers := make([]string, 0, len(md))
	for _, key := range slices.Sorted(maps.Keys(md)) {
		headers = append(headers, text(key+"="+strings.Join(md[key], ",")))
	}
	return &headerpb.HeaderResponse{Headers: headers}, nil
}
