package adapter

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// requestError says why an event makes no request; it is answered 400, as net/http answers what it cannot parse.
type requestError struct{ reason string }

func (e *requestError) Error() string { return e.reason }

// mend makes a server's request, as net/http would hand it to a handler, of the client's request that the library made.
//
// target is the path and query, escaped; source is where the client's address was found.
func mend(r *http.Request, method, target, host, source string) error {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return &requestError{fmt.Sprintf("the path %.100q cannot be parsed", target)}
	}
	r.URL = u // without scheme and host: they are a client's
	r.RequestURI = target
	r.Method = method // as it was sent: methods are case-sensitive (RFC 9110 §9.1)
	r.Host = host
	if sent := r.Header.Get("Host"); sent != "" {
		r.Host = sent
	}
	delete(r.Header, "Host")              // net/http promotes it to Request.Host
	delete(r.Header, "Transfer-Encoding") // and has taken it off; the body arrives whole
	r.RemoteAddr = remoteAddr(source)
	r.GetBody = nil
	return nil
}

// checkMethod keeps from the library what net/http would refuse, about which it prints to the standard output.
func checkMethod(method string) error {
	if !isToken(method) {
		return &requestError{fmt.Sprintf("the method %.40q is not valid", method)}
	}
	return nil
}

// isToken tells whether s is a token of RFC 9110 §5.6.2, what methods and names of fields are made of.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// remoteAddr is the client's address in the form of Request.RemoteAddr. No event has the client's port, except a load
// balancer's that is told to keep it; it is 0 then. What is no address, such as that of the console's test page, is the
// unspecified one.
func remoteAddr(source string) string {
	if ip, err := netip.ParseAddr(source); err == nil {
		return net.JoinHostPort(ip.String(), "0")
	}
	if addr, err := netip.ParseAddrPort(source); err == nil {
		return addr.String()
	}
	return "0.0.0.0:0"
}

// target joins an event's path and query to a request target that parses. A path reaches a function escaped or, by some
// of the front doors, decoded: what cannot stand in a path is escaped, and an escape is left alone.
func target(path, query string) string {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	path = escape(path, isPathByte)
	if query == "" {
		return path
	}
	return path + "?" + escape(query, isQueryByte)
}

// escape percent-encodes the bytes of s that are not allowed, and percent signs that begin no escape.
func escape(s string, allowed func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	i := 0
	for i < len(s) && s[i] != '%' && allowed(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		c := s[i]
		if allowed(c) || c == '%' && isEscape(s[i:]) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

func isEscape(s string) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isPathByte tells the bytes of a path (RFC 3986 §3.3) that stand for themselves.
func isPathByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
}

// isQueryByte is generous: a query is the handler's to parse, and net/http lets nearly everything pass.
func isQueryByte(c byte) bool { return c > ' ' && c < 0x7f && c != '#' || c >= 0x80 }

// stripSegments takes a prefix off a path, whole segments of it only: "/prod" is no prefix of "/production".
func stripSegments(path, prefix string) string {
	if prefix == "" || !below(path, prefix) {
		return path
	}
	return cmp.Or(path[len(prefix):], "/")
}

// underPrefix chooses between a path that something was taken off and the whole one: the first that is below prefix.
func underPrefix(prefix, path, whole string) string {
	if prefix != "" && !below(path, prefix) && below(whole, prefix) {
		return whole
	}
	return path
}

// below tells whether a path is prefix, or goes on from there with another segment.
func below(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// joinQuery writes parameters in the form that they have, sorted by name: the order among names is lost in an event.
func joinQuery(values map[string][]string) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, value := range values[name] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(name)
			b.WriteByte('=')
			b.WriteString(value)
		}
	}
	return b.String()
}
