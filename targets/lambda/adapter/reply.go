package adapter

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reply is a finished answer: nothing of it changes any more.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// failure is an answer with the API's error object.
func failure(status int, message string) *reply {
	body, _ := json.MarshalIndent(struct { // an int and a string: it does not fail
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{status, message}, "", "  ")
	return &reply{
		status: status,
		header: http.Header{
			"Content-Type":           {"application/json; charset=utf-8"},
			"X-Content-Type-Options": {"nosniff"},
		},
		body: body,
	}
}

// dropBody makes the answer to a HEAD request of the one to a GET.
func (r *reply) dropBody() {
	if len(r.body) > 0 {
		r.header["Content-Length"] = []string{strconv.Itoa(len(r.body))}
	}
	r.body = nil
}

// isText tells whether the body may travel as a string of JSON: its type says text, and its bytes are UTF-8. All else
// goes as base64, which every front door decodes; a REST API's only with binary media types set to */*, so that text
// should not depend on it.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html
func (r *reply) isText() bool {
	return isTextType(r.header.Get("Content-Type")) && r.header.Get("Content-Encoding") == "" && utf8.Valid(r.body)
}

// encoded is the body as a response document has it: the text that was made of it, or base64.
func (r *reply) encoded(text string) (body string, isBase64 bool) {
	if len(r.body) == 0 || r.isText() {
		return text, false
	}
	return base64.StdEncoding.EncodeToString(r.body), true
}

// isTextType tells the media types that are text, by what their names have in common.
func isTextType(contentType string) bool {
	if contentType == "" {
		return true // nobody knows better than the bytes
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if strings.HasPrefix(media, "text/") {
		return true
	}
	_, sub, _ := strings.Cut(media, "/")
	for _, name := range []string{"json", "xml", "javascript", "yaml"} { // problem+json, svg+xml, x-ndjson, x-yaml
		if strings.HasSuffix(sub, name) {
			return true
		}
	}
	return sub == "x-www-form-urlencoded"
}

// The sizes that an answer may have.
const (
	// bufferedLimit is what Lambda takes of an answer, as JSON: its quota of 6 MB is 6,291,556 bytes to the byte.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	bufferedLimit = 6_291_556
	// albLimit is what a load balancer takes of it: 1 MB, the smaller reading.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
	albLimit = 1_000_000
	// streamLimit is what a stream may have: 200 MB, the smaller reading.
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
	streamLimit = 200_000_000
)

// tooLarge is the answer instead of one that the platform would refuse: it would say 502 and nothing else.
func tooLarge(limit int) *reply {
	return failure(http.StatusRequestEntityTooLarge, fmt.Sprintf(
		"the response is larger than the %d bytes that the platform takes, encoded; ask for less at a time", limit))
}

// fits tells whether document, made of r, is within limit when aws-lambda-go writes it. Most are small beyond doubt.
func fits(r *reply, document any, limit int) bool {
	const envelope, perField, worst = 512, 16, 6 // worst: a control character is six bytes of JSON
	size := envelope + len(r.body)*worst
	for name, values := range r.header {
		for _, value := range values {
			size += perField + (len(name)+len(value))*worst
		}
	}
	if size <= limit {
		return true
	}
	var counted counter
	encoder := json.NewEncoder(&counted)
	encoder.SetEscapeHTML(false) // as aws-lambda-go does
	return encoder.Encode(document) == nil && int(counted) <= limit
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// reader reads the body of an answer that is sent as a stream.
func (r *reply) reader() io.Reader {
	r.header["Content-Length"] = []string{strconv.Itoa(len(r.body))}
	return bytes.NewReader(r.body)
}
