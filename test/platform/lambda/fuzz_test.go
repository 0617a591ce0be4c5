package lambda

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// FuzzAnswers reads what functions may return: each front door takes it for an answer with a status that can be sent,
// or says what is wrong.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"statusCode":200,"headers":{"a":"b","c":1},"body":"eA==","isBase64Encoded":true}`,
		`{"statusCode":200,"multiValueHeaders":{"a":["b","c"]},"cookies":["a=1"]}`,
		`{"statusCode":99}`, `{"statusCode":null,"headers":{"a":{}}}`, `"text"`, `[]`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	doors := []func([]byte) (answer, error){
		restAnswer,
		func(b []byte) (answer, error) { return v2Answer(b, "text/plain") },
		func(b []byte) (answer, error) { return albAnswer(b, false) },
		func(b []byte) (answer, error) { return albAnswer(b, true) },
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for i, read := range doors {
			a, err := read(payload)
			if err == nil && (a.status < http.StatusOK || a.status > 599 || a.header == nil) {
				t.Errorf("door %d answers %d with %v", i, a.status, a.header)
			}
		}
	})
}

// FuzzPrelude reads the beginnings of streamed responses: whatever follows the first 8 NUL bytes is the body.
func FuzzPrelude(f *testing.F) {
	for _, seed := range []string{
		"{\"statusCode\":201,\"cookies\":[\"a\"]}\x00\x00\x00\x00\x00\x00\x00\x00body",
		"{}\x00\x00\x00\x00\x00\x00\x00\x00\x00", "{}", "\x00\x00\x00\x00\x00\x00\x00\x00", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		a, rest, err := prelude(bytes.NewReader(response))
		if err != nil {
			return
		}
		if a.status < http.StatusOK || a.status > 599 {
			t.Errorf("the status is %d", a.status)
		}
		_, want, _ := bytes.Cut(response, preludeEnd)
		if got, err := io.ReadAll(rest); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the body is %q, not %q; %v", got, want, err)
		}
	})
}
