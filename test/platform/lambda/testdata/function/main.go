// Command function does on Lambda what its events ask for, so that tests can see how the stand-in takes it.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// wish is what an event asks for, or the body of its request.
type wish struct {
	Do     string          `json:"do"`
	Answer json.RawMessage `json:"answer"`
	Size   int             `json:"size"`
	Parts  []string        `json:"parts"` // of a streamed answer
	Gate   string          `json:"gate"`  // URL to ask before each part but the first, and before the end
	Plain  bool            `json:"plain"` // a stream without prelude
	Fail   string          `json:"fail"`  // how a streamed answer fails behind its parts
}

func main() {
	if os.Getenv("INIT_ERROR") != "" {
		initError()
	}
	if os.Getenv("INIT_HANG") != "" {
		never := make(chan os.Signal, 1)
		signal.Notify(never, syscall.SIGUSR1) // so that the Go runtime does not call it a deadlock
		<-never
	}
	if os.Getenv("EXTENSION") != "" {
		extend()
	}
	var options []lambda.Option
	switch os.Getenv("ON_SIGTERM") {
	case "leave":
		options = append(options, lambda.WithEnableSIGTERM(func() {
			fmt.Println("got SIGTERM")
			os.Exit(0)
		}))
	case "stay":
		options = append(options, lambda.WithEnableSIGTERM(func() { fmt.Println("got SIGTERM") }))
	}
	lambda.StartWithOptions(handle, options...)
}

// initError reports what is wrong, and leaves.
func initError() {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
	body := strings.NewReader(`{"errorMessage":"no settings","errorType":"Config.Missing"}`)
	answer, err := http.Post(url, "application/json", body)
	if err == nil {
		fmt.Println("init error:", answer.Status)
		_ = answer.Body.Close()
	}
	os.Exit(1)
}

// extend registers an internal extension and prints what it hears of invocations.
func extend() {
	fmt.Println("SHUTDOWN:", register("greedy", `{"events":["SHUTDOWN"]}`).Status)
	answer := register("listener", `{"events":["INVOKE"]}`)
	id := answer.Header.Get("Lambda-Extension-Identifier")
	fmt.Println("INVOKE:", answer.Status, id != "")
	fmt.Println("again:", register("listener", `{"events":[]}`).Status)
	go func() {
		for {
			fmt.Println("heard", listen(id))
		}
	}()
}

func register(name, events string) *http.Response {
	request, err := http.NewRequest(http.MethodPost, extensions+"register", strings.NewReader(events))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Lambda-Extension-Name", name)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	_ = answer.Body.Close()
	return answer
}

// listen waits for the next event.
func listen(id string) string {
	request, err := http.NewRequest(http.MethodGet, extensions+"event/next", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Lambda-Extension-Identifier", id)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		os.Exit(0) // the environment is gone
	}
	defer answer.Body.Close()
	event, err := io.ReadAll(answer.Body)
	if err != nil {
		os.Exit(0)
	}
	return string(event)
}

var extensions = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/"

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	w, err := read(event)
	if err != nil {
		return nil, err
	}
	switch w.Do {
	case "answer":
		return w.Answer, nil
	case "say":
		fmt.Println("said")
		return "said", nil
	case "large":
		return strings.Repeat("x", w.Size), nil
	case "fail":
		return nil, errors.New("broken")
	case "panic":
		panic("shaken")
	case "exit":
		os.Exit(3)
	case "hang":
		fmt.Println("hanging")
		<-ctx.Done()
		select {} // beyond the deadline
	case "stream":
		return stream(w), nil
	case "context":
		return describe(ctx), nil
	}
	return map[string]any{
		"statusCode": 200, "headers": map[string]string{}, "multiValueHeaders": map[string][]string{}, "body": string(event),
	}, nil
}

// read finds the wish in the event itself or in the body of its request.
func read(event json.RawMessage) (wish, error) {
	var e struct {
		wish
		Body            string `json:"body"`
		IsBase64Encoded bool   `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return wish{}, err
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return wish{}, err
		}
	}
	if strings.HasPrefix(string(body), `{"do"`) {
		return e.wish, json.Unmarshal(body, &e.wish)
	}
	return e.wish, nil
}

func describe(ctx context.Context) map[string]any {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "trace": ctx.Value("x-amzn-trace-id"),
		"remaining": int(time.Until(deadline).Seconds()), "env": os.Environ(), "pid": os.Getpid(),
	}
}

// body is a response that aws-lambda-go streams, because it cannot be JSON.
type body struct{ io.Reader }

// MarshalJSON fails.
func (body) MarshalJSON() ([]byte, error) { return nil, errors.New("not JSON") }

// typed is a body with a content type.
type typed struct{ body }

// ContentType is that of a response with a prelude.
func (typed) ContentType() string { return "application/vnd.awslambda.http-integration-response" }

// stream writes the parts as the gate lets them through.
func stream(w wish) io.Reader {
	r, out := io.Pipe()
	go func() { _ = out.CloseWithError(produce(out, w)) }()
	if w.Plain {
		return body{r}
	}
	head := `{"statusCode":201,"headers":{"Content-Type":"text/plain","X-Part":"1"},"cookies":["a=1","b=2"]}`
	return typed{body{io.MultiReader(strings.NewReader(head+strings.Repeat("\x00", 8)), r)}}
}

func produce(out io.Writer, w wish) error {
	for _, part := range w.Parts {
		if _, err := io.WriteString(out, part); err != nil {
			return err
		}
		if w.Gate == "" {
			continue
		}
		answer, err := http.Get(w.Gate)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
	}
	switch w.Fail {
	case "error":
		return errors.New("torn")
	case "exit":
		os.Exit(4)
	}
	return io.EOF
}
