package conformance

import (
	"crypto/sha1"
	"fmt"
)

// maxBody is how long a request's body may be unless --max-body-size says otherwise.
const maxBody = 10 << 20

// limits are about requests that are too long or not well formed.
func limits() []Group {
	const in200 = "answers 200 with the code in the body only"
	tooLarge := errorObject(413, "request body too large")
	return []Group{
		{Name: "body limit", Theme: "limit of request bodies", Needs: []Capability{LargeBody}, Cases: []Case{
			it("takes 10 MiB to echo", post("/echo", "").filled(maxBody).want(status(202), filledBody(maxBody))),
			it("refuses one byte more to echo",
				post("/echo", "").filled(maxBody+1).want(tooLarge)).differs(in200),
			it("refuses one byte more of a body of unknown length",
				post("/echo", "").filled(maxBody+1).chunked().want(tooLarge)).differs(in200),
			it("refuses one byte more in the store",
				post("/store", "").filled(maxBody+1).want(tooLarge)).differs(in200),
			it("refuses one byte more as the name in a token",
				post("/token", "").filled(maxBody+1).want(tooLarge)).differs(in200),
			it("refuses one byte more in the cache",
				put("/cache/${id}", "").filled(maxBody+1).want(tooLarge)).needs(Cache).differs(in200),
			it("closes the connection after it",
				post("/echo", "").filled(maxBody+1).want(tooLarge, closes())).needs(RawHTTP).differs(in200),
		}},
		{Name: "body limit of 1000 bytes", Theme: "limit of request bodies",
			Settings: []string{"--max-body-size=1000", "--cache-server=memory://"},
			Cases: []Case{
				it("takes 1000 bytes", post("/echo", "").filled(1000).want(status(202), filledBody(1000)),
					post("/store", "").filled(1000).want(status(202), field("hash", "[0-9a-f]{40}")),
					put("/cache/full", "").filled(1000).want(status(202)),
					post("/token", "").filled(1000).want(status(200), field("token", ".+"))),
				it("refuses 1001 bytes", post("/echo", "").filled(1001).want(tooLarge),
					post("/api/echo", "").filled(1001).want(tooLarge),
					put("/store", "").filled(1001).want(tooLarge),
					post("/cache/full", "").filled(1001).want(tooLarge),
					post("/token", "").filled(1001).want(tooLarge)),
				it("refuses 1001 bytes without a length", post("/echo", "").filled(1001).chunked().want(tooLarge),
					put("/store", "").filled(1001).chunked().want(tooLarge),
					put("/cache/full", "").filled(1001).chunked().want(tooLarge),
					post("/token", "").filled(1001).chunked().want(tooLarge)),
				it("leaves what was in the cache", get("/cache/full").want(status(200), filledBody(1000))),
			}},
		{Name: "broken chunking", Theme: "HTTP/1 on the wire", Needs: []Capability{RawHTTP}, Cases: brokenChunking()},
	}
}

// brokenChunking sends bodies whose chunks are not as RFC 9112 section 7.1 has them.
func brokenChunking() []Case {
	broken := []struct{ what, chunks string }{
		{"a size that is no number", "zzz\r\nhello\r\n0\r\n\r\n"},
		{"a chunk longer than it says", "3\r\nhello\r\n0\r\n\r\n"},
		{"a size that is out of all range", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
	}
	var cases []Case
	for _, b := range broken {
		cases = append(cases, it("refuses "+b.what,
			lines("POST ${base}/echo HTTP/1.1", "Host: ${host}", "Transfer-Encoding: chunked", "", b.chunks).
				want(errorObject(400, "invalid request body"))).
			differs("answers 200 with the code in the body only"))
	}
	return append(cases,
		it("stores nothing of it", step(hashID),
			lines("POST ${base}/store HTTP/1.1", "Host: ${host}", "Transfer-Encoding: chunked", "",
				"1a\r\n${id}\r\nzzz\r\n").want(errorObject(400, "invalid request body")),
			get("/store/${hash}").want(errorObject(404)),
			post("/store", "${id}").want(status(202), fieldIs("hash", "${hash}"))).
			differs("answers 200 with the code in the body only"),
		it("takes chunks that are well formed",
			lines("POST ${base}/echo HTTP/1.1", "Host: ${host}", "Transfer-Encoding: chunked", "",
				"5\r\nhello\r\n6;note=1\r\n world\r\n0\r\n\r\n").want(status(202), body("hello world"))))
}

// hashID saves the hash under which the store would keep ${id}, which has 26 letters, as ${hash}.
func hashID(s *session) error {
	s.vars["hash"] = fmt.Sprintf("%x", sha1.Sum([]byte(s.vars["id"])))
	return nil
}
