package otlpreceiver

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// protobufType is the content type of OTLP/HTTP in binary encoding.
const protobufType = "application/x-protobuf"

// maxBody bounds a request, decompressed, in bytes.
const maxBody = 64 << 20

// handler returns the paths of OTLP/HTTP.
func (r *Receiver) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/traces", receive(r.keepSpans, &coltrace.ExportTraceServiceResponse{}))
	mux.Handle("POST /v1/metrics", receive(r.keepMetrics, &colmetrics.ExportMetricsServiceResponse{}))
	mux.Handle("POST /v1/logs", receive(r.keepRecords, &collogs.ExportLogsServiceResponse{}))
	return mux
}

// message is a pointer to a T that is a protobuf message.
type message[T any] interface {
	*T
	proto.Message
}

// receive returns a handler that decodes a request, hands it to keep and answers with response.
func receive[T any, Request message[T]](keep func(Request), response proto.Message) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := Request(new(T))
		if status, err := decode(r, request); err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		keep(request)
		body, err := proto.Marshal(response)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", protobufType)
		_, _ = w.Write(body)
	})
}

// decode reads the body of a request into a message. With an error comes the status to answer.
func decode(r *http.Request, into proto.Message) (status int, err error) {
	if r.Header.Get("Content-Type") != protobufType {
		return http.StatusUnsupportedMediaType, errors.New("the receiver takes " + protobufType + " only")
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(r.Body); err != nil {
			return http.StatusBadRequest, err
		}
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return http.StatusBadRequest, err
	}
	return http.StatusBadRequest, proto.Unmarshal(raw, into)
}
