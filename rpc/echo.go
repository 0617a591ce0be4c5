package rpc

import (
	"context"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
)

// maxLoggedBody is how much of an echoed body goes to the log, in bytes.
const maxLoggedBody = 1024

type echoService struct {
	echopb.UnimplementedEchoServiceServer
	log *logrus.Logger
}

// Echo answers with the body of the request and logs it.
func (s *echoService) Echo(ctx context.Context, r *echopb.Message) (*echopb.Message, error) {
	body := r.GetBody()
	if s.log.IsLevelEnabled(logrus.InfoLevel) {
		s.log.WithContext(ctx).WithField("input body", abbreviate(body)).Info("Received message body from client:")
	}
	return &echopb.Message{Body: body}, nil
}

// abbreviate returns the beginning of a long body, cut between two characters, and its length.
func abbreviate(body string) string {
	if len(body) <= maxLoggedBody {
		return body
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(body[:maxLoggedBody], ""), len(body))
}
