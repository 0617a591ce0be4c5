package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// The documents of this file:
//
//	https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
//	https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
//	https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

// urlID is the name of the function URL in the domain lambda-url.<region>.on.aws.
const urlID = "abcdefghijklmnopqrstuvwxyz234567"

// functionURL is a function URL with the auth type NONE.
func functionURL(f *Function) http.Handler {
	return &door{
		f: f, bodyLimit: payloadLimit,
		admit: func(w http.ResponseWriter, r *http.Request) bool {
			if !slices.Contains(methods, r.Method) {
				urlFailure(w, badMethod)
				return false
			}
			return true
		},
		event: func(r request) any {
			return newV2Event(r, "$default", urlID, urlID+".lambda-url."+Region+".on.aws")
		},
		answer: func(payload []byte) (answer, error) {
			a, err := v2Answer(payload, "application/json")
			renameForURL(a.header)
			return a, err
		},
		fail: urlFailure,
	}
}

// renameForURL renames the headers that a function URL was seen not to let through, as a REST API does.
func renameForURL(h http.Header) { rename(h, "Date", "Server", "Www-Authenticate") }

// httpResponseType is what the runtime calls a response that begins with its status and headers.
const httpResponseType = "application/vnd.awslambda.http-integration-response"

// preludeLimit bounds the status and headers of a streamed response, in bytes. AWS documents 16 KB for the REST API,
// and nothing for function URLs.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
const preludeLimit = 16 << 10

// preludeEnd stands between the prelude, which is JSON, and the body.
var preludeEnd = make([]byte, 8)

// stream answers with a response that comes in parts, and sends each on as it comes. A response of any other type is
// the body of an answer with status 200.
func (d *door) stream(w http.ResponseWriter, r *http.Request, out reply) {
	body := out.stream.reader(r.Context())
	a := answer{status: http.StatusOK, header: http.Header{}}
	if out.contentType == httpResponseType {
		var err error
		if a, body, err = prelude(body); err != nil {
			w.Header().Set(malformedHeader, err.Error())
			d.fail(w, functionFailed)
			return
		}
	}
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/octet-stream")
	}
	renameForURL(a.header)
	a.head(w)
	w.WriteHeader(a.status)
	relay(w, body)
}

// relay sends the parts of a body as they come. The status is out, so a response that breaks off can only be shown by
// breaking off the connection.
func relay(w http.ResponseWriter, body io.Reader) {
	flush := http.NewResponseController(w)
	if err := flush.Flush(); err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
				return
			}
			if err := flush.Flush(); err != nil {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// prelude reads the status and headers of a streamed response and returns what follows them as well.
func prelude(r io.Reader) (answer, io.Reader, error) {
	var read []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		read = append(read, buf[:n]...)
		if head, rest, ok := bytes.Cut(read, preludeEnd); ok {
			a, err := preludeAnswer(head)
			return a, io.MultiReader(bytes.NewReader(rest), r), err
		}
		if len(read) > preludeLimit {
			return answer{}, nil, fmt.Errorf("the streamed response has no 8 NUL bytes in its first %d", preludeLimit)
		}
		if err != nil {
			return answer{}, nil, fmt.Errorf("the streamed response ended before the 8 NUL bytes: %w", err)
		}
	}
}

func preludeAnswer(head []byte) (answer, error) {
	var out struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]scalar `json:"headers"`
		Cookies    []string          `json:"cookies"`
	}
	if err := json.Unmarshal(head, &out); err != nil {
		return answer{}, fmt.Errorf("the prelude of the streamed response: %w", err)
	}
	if out.StatusCode == 0 {
		out.StatusCode = http.StatusOK
	}
	return compose(out.StatusCode, "", false, v2Header(out.Headers, out.Cookies), "")
}

// urlFailure answers as a function URL does by itself. The documents name status 502 for functions that fail, and 413
// for events that are too large; the texts are those that were seen.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
func urlFailure(w http.ResponseWriter, why failure) {
	switch why {
	case bodyTooLarge:
		problem(w, http.StatusRequestEntityTooLarge, "Message", "Request Entity Too Large")
	case badMethod:
		problem(w, http.StatusMethodNotAllowed, "Message", "Method Not Allowed")
	default:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "Internal Server Error")
	}
}
