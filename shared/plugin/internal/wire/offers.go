package wire

import (
	"context"

	"google.golang.org/grpc"
)

// brokerStream is where the two sides of go-plugin's broker tell each other where they listen.
const brokerStream = "/plugin.GRPCBroker/StartStream"

// ignoringOffers keeps from the broker where a plugin listens: no host of this package connects there, and the broker
// keeps some of what it is told for as long as the plugin lives.
func ignoringOffers(ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer,
	options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if method != brokerStream {
		return open(ctx, d, conn, method, options...)
	}
	stream, err := open(ctx, d, conn, method, append(options, grpc.MaxCallRecvMsgSize(maxControl))...)
	if err != nil {
		return nil, err
	}
	return &deafStream{stream}, nil
}

// deafStream is a stream on which only its end is heard.
type deafStream struct{ grpc.ClientStream }

// RecvMsg returns the error with which the stream ends.
func (s *deafStream) RecvMsg(m any) error {
	for {
		if err := s.ClientStream.RecvMsg(m); err != nil {
			return err
		}
	}
}
