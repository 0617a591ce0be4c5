package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// timeouts are about clients and handlers that take their time.
func timeouts() []Group {
	return []Group{
		{Name: "server timeout of 1s", Theme: "HTTP/1 on the wire", Needs: []Capability{RawHTTP},
			Settings: []string{"--http-server-timeout=1s"}, Cases: []Case{
				it("hangs up on a client that does not end its request's head",
					lines("GET ${base}/version HTTP/1.1", "Host: ${host}", "X-Slow: ").thenClosed(10*time.Second)),
				it("hangs up on a connection that is idle for two seconds",
					lines("GET ${base}/version HTTP/1.1", "Host: ${host}", "", "").
						want(status(200), textKeys("commit", "version")).thenClosed(10*time.Second)),
				it("keeps a connection that is idle for one second", step(idleForASecond)),
			}},
		{Name: "answers that take longer than the server's timeout", Theme: "server timeout",
			Settings: []string{"--http-server-timeout=1s"}, Cases: []Case{
				it("has a delay in the end, or refuses it", get("/delay/2").want(delayedOrRefused())).
					differs("closes the connection after the delay, without an answer"),
				it("ends a stream properly",
					get("/chunked/2").want(status(200), jsonValue(`{"delay": 2}`), slowerThan(2*time.Second))).
					differs("cuts the stream"),
			}},
		// Random lengths start at ten seconds, so these cases have groups of their own to wait side by side.
		randomStream("/chunked", "it is not given"), randomStream("/chunked/99999999999999999999", "it fits no number"),
		{Name: "clients that hang up", Theme: "clients that hang up", Fresh: true, Needs: []Capability{HangUp}, Cases: []Case{
			it("frees what a delay holds", step(abandon("/delay/60"))).
				differs("keeps sleeping until the end of the delay"),
			it("frees what a stream holds", step(abandon("/chunked/60"))).
				differs("keeps sleeping until the end of the delay"),
		}},
	}
}

// randomStream is a stream whose length the server chooses, since the client's does not do.
func randomStream(path, why string) Group {
	return Group{Name: "stream whose length is chosen as " + why, Theme: "server timeout",
		Settings: []string{"--http-server-timeout=1s"}, Cases: []Case{
			it("ends properly even if it takes longer than the server's timeout",
				get(path).want(status(200), nosniff(), wholeNumber("delay", 10, 11))).differs("cuts the stream"),
		}}
}

// delayedOrRefused is the answer to a delay that is longer than the server's timeout: it comes in the end, or the
// request is refused, but the client is not left without one.
func delayedOrRefused() check {
	return func(x *exchange) error {
		if x.answer.StatusCode == http.StatusOK {
			return all(jsonIs(`{"delay": 2}`), slowerThan(2*time.Second))(x)
		}
		return all(status(400, 504), jsonReply())(x)
	}
}

// idleForASecond sends two requests over one connection, a good second apart: longer than the server waits for a
// request's bytes, but not as long as it keeps a connection without one.
func idleForASecond(s *session) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	ask := s.expand("GET ${base}/delay/0 HTTP/1.1\r\nHost: ${host}\r\n\r\n")
	for turn := range 2 {
		if _, err := io.WriteString(conn, ask); err != nil {
			return fmt.Errorf("sending request %d: %w", turn+1, err)
		}
		if err := readAnswer(conn); err != nil {
			return fmt.Errorf("request %d, on a connection that was idle for 1.2 s in between: %w", turn+1, err)
		}
		if turn == 0 {
			wait(s.ctx, 1200*time.Millisecond)
		}
	}
	return nil
}

// wait lets time pass, for a case that is about just that.
func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// abandon starts many requests that the server sleeps on, hangs up, and waits for the server to forget them.
func abandon(path string) func(*session) error {
	const clients = 40
	return func(s *session) error {
		before, err := s.sample("go_goroutines")
		if err != nil {
			return err
		}
		ctx, hangUp := context.WithCancel(s.ctx)
		defer hangUp()
		ended := make(chan error, clients)
		for range clients {
			go func() {
				req, err := get(path).build(ctx, s)
				if err != nil {
					ended <- err
					return
				}
				answer, err := s.client.Do(req)
				if err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
				ended <- err
			}()
		}
		err = s.eventually(10*time.Second, func() error { return s.goroutines(before+clients, before+100*clients) })
		hangUp()
		for range clients {
			if end := <-ended; end == nil {
				err = errors.Join(err, fmt.Errorf("GET %s was answered at once, so nothing was abandoned", path))
			}
		}
		if err != nil {
			return fmt.Errorf("while %d clients wait for %s: %w", clients, path, err)
		}
		err = s.eventually(10*time.Second, func() error { return s.goroutines(0, before+clients/2) })
		if err != nil {
			return fmt.Errorf("after %d clients of %s hung up, their requests still go on: %w", clients, path, err)
		}
		return nil
	}
}

// goroutines checks how many goroutines the server has.
func (s *session) goroutines(least, most float64) error {
	now, err := s.sample("go_goroutines")
	if err != nil {
		return err
	}
	if least <= now && now <= most {
		return nil
	}
	return fmt.Errorf("the server has %g goroutines, want %g to %g", now, least, most)
}

// readAnswer reads one successful answer to its end.
func readAnswer(conn io.Reader) error {
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the status is %s, want 200", answer.Status)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, answerLimit))
	return err
}
