package conformance

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
)

// statuses are answers with the status that the client asks for.
func statuses() []Group {
	return []Group{{Name: "status", Routes: []string{"/status/{code}"}, Cases: []Case{
		it("answers with it", isStatus(200), isStatus(201), isStatus(202), isStatus(226), isStatus(301), isStatus(400),
			isStatus(401), isStatus(404), isStatus(418), isStatus(429), isStatus(500), isStatus(503), isStatus(599)),
		it("answers POST and PUT as well", post("/status/201", "x").want(status(201), jsonIs(`{"status": 201}`)),
			put("/status/404", "x").want(status(404), jsonIs(`{"status": 404}`))),
		it("has no body where HTTP allows none", get("/status/204").want(status(204), body("")),
			get("/status/304").want(status(304), body(""))),
		it("passes codes on that nobody has defined", isStatus(600), isStatus(799), isStatus(999)).needs(AnyStatus),
		it("refuses what is no code of three digits", isRefused("/status/0"), isRefused("/status/99"),
			isRefused("/status/1000"), isRefused("/status/12345")).differs("drops the connection"),
		it("refuses interim codes", isRefused("/status/100"), isRefused("/status/101"), isRefused("/status/103"),
			isRefused("/status/199")).differs("sends the interim answer, then a 200"),
		it("refuses a number beyond all numbers in its own words",
			get("/status/99999999999999999999").want(errorObject(400), lacks("strconv", "ParseInt", "Atoi"))).
			differs("answers 200 with the words of its library"),
		it("takes digits only", get("/status/abc").want(isNotFound()), get("/status/-1").want(isNotFound()),
			get("/status/20x").want(isNotFound())),
	}}}
}

func isStatus(code int) Step {
	text := strconv.Itoa(code)
	return get("/status/"+text).want(status(code), jsonIs(`{"status": `+text+`}`))
}

func isRefused(path string) Step { return get(path).want(errorObject(400)) }

// delays are answers that take a while, at once or in parts.
func delays() []Group {
	return []Group{
		{Name: "delay", Routes: []string{"/delay/{wait}"}, Cases: []Case{
			it("waits that many seconds",
				get("/delay/1").want(status(200), jsonIs(`{"delay": 1}`), slowerThan(time.Second))),
			it("does not wait for 0", get("/delay/0").want(status(200), jsonIs(`{"delay": 0}`)),
				get("/delay/00").want(status(200), jsonIs(`{"delay": 0}`))),
			it("takes digits only", get("/delay/abc").want(isNotFound()), get("/delay/-1").want(isNotFound()),
				get("/delay/1.5").want(isNotFound()), get("/delay/").want(isNotFound())),
			it("refuses a wait that no clock can measure", isRefused("/delay/9223372036854775807")).
				differs("answers 200 at once"),
			it("refuses a number beyond all numbers",
				get("/delay/99999999999999999999").want(errorObject(400), lacks("strconv", "ParseInt", "Atoi"))).
				differs("answers 200 with the words of its library"),
		}},
		{Name: "chunked", Routes: []string{"/chunked", "/chunked/{wait}"}, Cases: []Case{
			it("answers after that many seconds", get("/chunked/1").
				want(status(200), nosniff(), jsonValue(`{"delay": 1}`), slowerThan(time.Second))),
			it("answers any usual method", post("/chunked/0", "x").want(status(200), jsonValue(`{"delay": 0}`)),
				put("/chunked/0", "x").want(status(200), jsonValue(`{"delay": 0}`)),
				remove("/chunked/0").want(status(200), jsonValue(`{"delay": 0}`))),
			it("says that it is JSON", get("/chunked/0").want(status(200), jsonIs(`{"delay": 0}`))).
				differs("has no content type"),
			it("sends its head at once", step(headFirst)).needs(Streaming),
			it("takes digits only", get("/chunked/abc").want(isNotFound()), get("/chunked/-1").want(isNotFound())),
		}},
		{Name: "chunked at random", Routes: []string{"/chunked"}, Fresh: true, Cases: []Case{
			it("takes 10 seconds at least, and less than 30", get("/chunked").
				want(status(200), nosniff(), wholeNumber("delay", 10, 29), slowerThan(10*time.Second))),
		}},
		{Name: "chunked at random, in a hurry", Theme: "server timeout", Settings: []string{"--http-server-timeout=12s"},
			Cases: []Case{
				it("takes 10 seconds at least, and less than the server's timeout", get("/chunked").
					want(status(200), nosniff(), wholeNumber("delay", 10, 11), slowerThan(10*time.Second))),
			}},
	}
}

// headFirst checks that the head of a stream is there well before its body.
func headFirst(s *session) error {
	x, err := get("/chunked/2").exchange(s)
	if err != nil {
		return fmt.Errorf("GET /chunked/2 got no answer: %w", err)
	}
	return x.judge([]check{status(200), jsonValue(`{"delay": 2}`), func(x *exchange) error {
		if between := x.took - x.headAfter; between < time.Second {
			return fmt.Errorf("the head came %s before the end of the body, want it to come 2s before", between)
		}
		return nil
	}})
}

func inChunks() check {
	return func(x *exchange) error {
		if len(x.answer.TransferEncoding) == 1 && x.answer.TransferEncoding[0] == "chunked" {
			return nil
		}
		return fmt.Errorf("the transfer encoding is %q, want chunked", x.answer.TransferEncoding)
	}
}

// oneChunk looks at the chunks themselves, which HTTP clients hide.
func oneChunk(s *session) error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	ask := s.expand("GET ${base}/chunked/0 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n")
	if _, err := io.WriteString(conn, ask); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(bufio.NewReader(conn), answerLimit))
	if err != nil {
		return err
	}
	want := "\r\n\r\n10\r\n{\n  \"delay\": 0\n}\r\n0\r\n\r\n"
	if text := string(answer); len(text) < len(want) || text[len(text)-len(want):] != want {
		return fmt.Errorf("GET /chunked/0 does not come in one chunk: %q", text)
	}
	return nil
}

// wholeNumber checks that the object in the answer has a whole number under key, within these bounds.
func wholeNumber(key string, least, most int) check {
	return func(x *exchange) error {
		for n := least; n <= most; n++ {
			if jsonValue(fmt.Sprintf(`{%q: %d}`, key, n))(x) == nil {
				return nil
			}
		}
		return fmt.Errorf("the body is not an object with %s from %d to %d", key, least, most)
	}
}
