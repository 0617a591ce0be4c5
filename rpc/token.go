package rpc

import (
	"context"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/tokenpb"
	"github.com/podinfo-targets/podinfo/shared/token"
)

type tokenService struct {
	tokenpb.UnimplementedTokenServiceServer
	issuer *token.Issuer
}

// TokenGenerate issues a token for the name "anonymous".
func (s *tokenService) TokenGenerate(context.Context, *tokenpb.TokenRequest) (*tokenpb.TokenResponse, error) {
	issued, err := s.issuer.Issue(token.Anonymous)
	if err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return &tokenpb.TokenResponse{
		Token:     issued.Token,
		ExpiresAt: issued.ExpiresAt.String(),
		Message:   "Token generated successfully",
	}, nil
}

// TokenValidate answers with the name and the expiry of the token in the metadata of the call.
func (s *tokenService) TokenValidate(ctx context.Context, _ *tokenpb.TokenRequest) (*tokenpb.TokenResponse, error) {
	raw := authorization(ctx)
	if raw == "" {
		return nil, status.Error(codes.Unauthenticated, "Authorization token not found in metadata")
	}
	claims, err := s.issuer.Validate(raw)
	if err != nil {
		return nil, unauthenticated(err)
	}
	return &tokenpb.TokenResponse{Token: claims.Name, ExpiresAt: claims.ExpiresAt.String()}, nil
}

// authorization returns the token that the call carries, with or without the scheme Bearer before it (RFC 6750 §2.1; a
// scheme's case does not matter, RFC 9110 §11.1), or "".
func authorization(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return ""
	}
	scheme, credentials, found := strings.Cut(values[0], " ")
	if found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(credentials)
	}
	return values[0]
}

// unauthenticated is the answer to a token that is not valid. Its message is the same for every cause, because clients
// know it so; the cause is in the details, as https://google.aip.dev/193 has it.
func unauthenticated(cause error) error {
	const message = "Unable to parse token"
	detailed, err := status.New(codes.Unauthenticated, message).WithDetails(&errdetails.ErrorInfo{
		Reason:   "TOKEN_INVALID",
		Domain:   "podinfo",
		Metadata: map[string]string{"cause": cause.Error()},
	})
	if err != nil {
		return status.Error(codes.Unauthenticated, message)
	}
	return detailed.Err()
}
