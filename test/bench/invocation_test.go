package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestSameBody(t *testing.T) {
	t.Parallel()
	const ours = `{"statusCode":200,"headers":{"a":"b"},"body":"x"}`
	if err := sameBody([]byte(ours), []byte(`{"body":"x","statusCode":200,"cookies":null}`)); err != nil {
		t.Error(err)
	}
	for _, plain := range []string{`{"statusCode":200,"body":"y"}`, `{"statusCode":500,"body":"x"}`, `hello`} {
		if sameBody([]byte(ours), []byte(plain)) == nil {
			t.Errorf("%s is the same as %s", plain, ours)
		}
	}
	if sameBody([]byte(`{"statusCode":200}`), []byte(`{"statusCode":200}`)) == nil {
		t.Error("answers without a body are good enough")
	}
}

// respond asks the API for an event and posts an answer to it.
func respond(api *runtimeAPI, path, answer string) (event string, err error) {
	base := "http://" + api.addr + "/2018-06-01/runtime/"
	next, err := http.Get(base + "invocation/next")
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(next.Body)
	posted, postErr := http.Post(base+"invocation/"+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+path,
		"application/json", strings.NewReader(answer))
	if postErr == nil && posted.StatusCode != http.StatusAccepted {
		postErr = errors.New(posted.Status)
	}
	return string(got), errors.Join(err, postErr, next.Body.Close())
}

func TestRuntimeAPI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, posts, answer, fails string }{
		{name: "an answer", path: "/response", posts: "pong", answer: "pong"},
		{name: "an error", path: "/error", posts: `{"errorMessage":"broken"}`, fails: "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			api, err := newRuntimeAPI()
			if err != nil {
				t.Fatal(err)
			}
			defer api.close()
			done := make(chan error, 1)
			go func() {
				event, err := respond(api, c.path, c.posts)
				if event != "ping" {
					err = errors.Join(err, errors.New("the event is "+event))
				}
				done <- err
			}()
			answer, err := api.invoke(t.Context(), []byte("ping"))
			if string(answer) != c.answer {
				t.Errorf("the answer is %q, not %q", answer, c.answer)
			}
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("the error is %v", err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFunctionFailsToStart(t *testing.T) {
	t.Parallel()
	api, err := newRuntimeAPI()
	if err != nil {
		t.Fatal(err)
	}
	defer api.close()
	answer, err := http.Post("http://"+api.addr+"/2018-06-01/runtime/init/error", "application/json",
		strings.NewReader(`{"errorMessage":"no such level"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if _, err := api.invoke(t.Context(), []byte("ping")); err == nil || !strings.Contains(err.Error(), "no such level") {
		t.Errorf("the invocation ends with %v", err)
	}
}
