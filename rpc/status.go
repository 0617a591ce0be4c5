package rpc

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
)

type statusService struct {
	statuspb.UnimplementedStatusServiceServer
}

// Status ends the call with the status that the request names.
func (*statusService) Status(_ context.Context, r *statuspb.StatusRequest) (*statuspb.StatusResponse, error) {
	code, known := statusCode(r.GetCode())
	if !known {
		return nil, status.Errorf(codes.InvalidArgument,
			"there is no status %.40q: use Ok, NotFound, or another name as gRPC's documentation writes it, "+
				"https://grpc.io/docs/guides/status-codes/, but in camel case", r.GetCode())
	}
	if code != codes.OK {
		return nil, status.Error(code, "")
	}
	return &statuspb.StatusResponse{Status: r.GetCode()}, nil
}

// statusCode finds a code by its name. The names are those of the package codes, except for Ok.
func statusCode(name string) (codes.Code, bool) {
	if name == "Ok" {
		return codes.OK, true
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		if code.String() == name {
			return code, true
		}
	}
	return codes.Unknown, false
}
