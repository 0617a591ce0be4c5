package conformance

import (
	"net/http"
	"strings"
	"time"
)

// longestMessage is how long a message to the websocket may be.
const longestMessage = 1 << 20

// websockets are the talks at /ws/echo (RFC 6455).
func websockets() []Group {
	knowHostname := get("/api/info").want(status(200), save("hostname", "hostname"))
	long := strings.Repeat("x", longestMessage)
	routes, needs := []string{"/ws/echo"}, []Capability{WebSocket}
	withheld := Group{Name: "websocket that is withheld", Routes: routes, Cases: []Case{
		it("says why", get("/ws/echo").want(errorObject(501))).withheld(WebSocket),
		it("says why to those who ask for it", handshake().want(errorObject(501))).needs(Upgrade).withheld(WebSocket),
	}}
	return []Group{withheld, {Name: "websocket", Routes: routes, Needs: needs, Cases: []Case{
		it("echoes text", talking(sayText("hello"), hearEcho(`"hello"`), sayText("again"), hearEcho(`"again"`))),
		it("echoes bytes as text", talking(sayBinary("hello"), hearEcho(`"hello"`))),
		it("echoes an empty message", talking(sayText(""), hearEcho(`""`))),
		it("escapes what it echoes", talking(sayText(`<a href="&">`+"\n"), hearEcho(`"\u003ca href=\"\u0026\"\u003e\n"`))),
		it("replaces what is no UTF-8", talking(sayBinary("a\xff\xfeb"), hearEcho(`"a\ufffd\ufffdb"`))),
		it("keeps the order of many messages", talking(sayText("1"), sayText("2"), sayText("3"), hearEcho(`"1"`),
			hearEcho(`"2"`), hearEcho(`"3"`))),
		it("answers a ping", talking(sayPing("payload"), sayText("x"), hearEcho(`"x"`), hearPong("payload"))),
		it("tells its name every five seconds", knowHostname, talking(hearHostname(4*time.Second, 8*time.Second))),
		it("takes a message of a MiB", talking(sayText(long), hearEchoOf(long))),
		it("closes for a longer message", talking(sayText(long+"x"), hearClose(1009, ""))),
		it("closes for a frame without a mask", talking(sayBytes(0x81, 2, 'h', 'i'), hearClose(1002, "bad MASK"))),
		it("closes with the code that the client closes with",
			talking(sayClose(1000), hearClose(1000, "")), talking(sayClose(1001), hearClose(1001, "")),
			talking(sayClose(4000), hearClose(4000, ""))),
		it("can be opened from the same origin",
			talking(sayText("hello"), hearEcho(`"hello"`)).with("Origin", "http://${host}")),
		it("cannot be opened from another origin",
			handshake().with("Origin", "http://elsewhere.example").want(status(403), media("text/plain"))),
		it("agrees on no subprotocol and no compression",
			handshake().with("Sec-WebSocket-Protocol", "chat, superchat").
				with("Sec-WebSocket-Extensions", "permessage-deflate").
				want(status(101), header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
					noHeader("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"))),
		it("refuses a plain request", get("/ws/echo").want(noHandshake()), post("/ws/echo", "x").want(noHandshake())),
		it("refuses another version of the protocol", shake("8").want(noHandshake())),
		it("refuses a handshake without a key", get("/ws/echo").with("Connection", "Upgrade").
			with("Upgrade", "websocket").with("Sec-WebSocket-Version", "13").
			want(status(400), media("text/plain"), body("Bad Request\n"))),
		it("pings its clients every 30 seconds", talking(waitForPing(40*time.Second))).slow(),
	}}}
}

// handshake asks for a websocket with the key of the example in RFC 6455 section 1.3.
func handshake() request { return shake("13") }

func shake(version string) request {
	return get("/ws/echo").with("Connection", "Upgrade").with("Upgrade", "websocket").
		with("Sec-WebSocket-Version", version).with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

func noHandshake() check {
	return all(status(http.StatusBadRequest), media("text/plain"), header("Sec-WebSocket-Version", "13"),
		body("Bad Request\n"))
}
