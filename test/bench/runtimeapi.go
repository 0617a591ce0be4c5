package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// patience is how long anything that is waited for may take.
const patience = 10 * time.Second

// runtimeAPI is what a Lambda function sees of Lambda: it takes an event from here, answers it and asks for the next.
// It does what the documents say, as fast as it can, and checks nothing; see
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
type runtimeAPI struct {
	addr     string
	events   chan []byte
	outcomes chan outcome
	server   *http.Server
	serving  sync.WaitGroup
}

// outcome is the answer to an event, or the error that the function reported instead.
type outcome struct {
	answer []byte
	err    error
}

func newRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &runtimeAPI{addr: listener.Addr().String(), events: make(chan []byte), outcomes: make(chan outcome, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.failure)
	mux.HandleFunc("POST /2020-01-01/extension/register", register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // Nothing ever happens to an extension here.
	})
	a.server = &http.Server{Handler: mux}
	a.serving.Go(func() { _ = a.server.Serve(listener) })
	return a, nil
}

// close ends the API, whoever still waits for it.
func (a *runtimeAPI) close() {
	_ = a.server.Close()
	a.serving.Wait()
}

// invoke hands an event to the function and returns its answer.
func (a *runtimeAPI) invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case a.events <- event:
	case got := <-a.outcomes: // It failed to start.
		return got.answer, got.err
	case <-ctx.Done():
		return nil, errors.New("the function asks for no event")
	}
	select {
	case got := <-a.outcomes:
		return got.answer, got.err
	case <-ctx.Done():
		return nil, errors.New("the function does not answer")
	}
}

func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case event := <-a.events:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(patience).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0")
		_, _ = w.Write(event)
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	answer, err := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	a.outcomes <- outcome{answer: answer, err: err}
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	report, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	a.outcomes <- outcome{err: fmt.Errorf("the function reports %s", report)}
}

// register takes in the internal extension through which aws-lambda-go hears of SIGTERM; see
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html.
func register(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Lambda-Extension-Identifier", "bench")
}
