package cache

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/redact"
)

// forms ends every complaint about an address.
const forms = "use tcp://host:port or memory://"

// open opens the cache at server, which is not empty. Errors name the value as the user knows it.
func open(server string, o Options) (Cache, error) {
	c, err := dispatch(server, o)
	if err != nil {
		return nil, fmt.Errorf("--cache-server %q: %w", redact.URL(server), err)
	}
	return c, nil
}

func dispatch(server string, o Options) (Cache, error) {
	if !strings.Contains(server, ":/") {
		return nil, errors.New("missing scheme; " + forms)
	}
	u, err := url.Parse(server)
	if err != nil || strings.Contains(u.Host+u.Path+u.RawQuery+u.Fragment, "@") {
		// An unescaped password reads as other parts of the URL, which the texts below and the parser's own would quote.
		return nil, errors.New("not a valid URL (a password must be percent-encoded); " + forms)
	}
	switch u.Scheme {
	case "memory":
		return openMemory(u)
	case "tcp", "redis", "rediss":
		if u.Hostname() == "" {
			return nil, errors.New("missing host; " + forms)
		}
		return openRedis(u, o)
	default:
		return nil, fmt.Errorf("unknown scheme %q; %s", u.Scheme, forms)
	}
}

// openMemory reads the address of a cache in memory, whose only part is the option max-size.
func openMemory(u *url.URL) (Cache, error) {
	if u.Host != "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("a cache in memory has no host, user or path; use memory://?max-size=64MiB")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("not a valid query; use memory://?max-size=64MiB")
	}
	limit := int64(defaultMemory)
	for name, values := range query {
		if name != "max-size" {
			return nil, fmt.Errorf("unknown option %q; use memory://?max-size=64MiB", name)
		}
		if limit, err = parseSize(values[len(values)-1]); err != nil {
			return nil, err
		}
	}
	return newMemory(limit), nil
}

// parseSize reads a whole number of bytes with an optional unit, such as 64MiB.
func parseSize(text string) (int64, error) {
	digits, unit := text, int64(1)
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if before, found := strings.CutSuffix(text, suffix); found {
			digits, unit = before, bytes
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("max-size %q is no size; use a whole number of bytes, KiB, MiB or GiB, such as 64MiB", text)
	}
	return n * unit, nil
}
