package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// largestToken bounds a bearer token. It is what common proxies let through as one header.
const largestToken = 8 << 10

// bearer takes a token that a client can send in its Authorization header, without the white space around it, which
// files and here documents like to leave behind. It does not show what it holds.
func bearer(target *string) *checked[string] {
	value := parsedText(target, "", parseBearer)
	value.format = func(string) string { return "" }
	return value
}

// parseBearer checks that a header can carry token: the characters that can be seen, and no space, for a scheme and a
// token are all that an Authorization header of this kind holds (RFC 6750 section 2.1).
func parseBearer(token string) (string, error) {
	token = strings.TrimSpace(token)
	switch {
	case token == "":
		return "", errors.New("empty; give a token or leave the setting out")
	case len(token) > largestToken:
		return "", fmt.Errorf("longer than %d characters; give a shorter token", largestToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("no token that a header can carry; give one of letters, digits and - . _ ~ + / = alone, " +
			"such as openssl rand -hex 32 makes")
	}
	return token, nil
}

// readTokenFile takes the token from the file that is named for it.
func (s *settings) readTokenFile(c *Config) error {
	const setting, inFile = "plugin-admin-token", "plugin-admin-token-file"
	if s.tokenFile == "" {
		return nil
	}
	bad := func(cause error) error {
		return &settingError{source: s.origin[inFile], text: s.tokenFile, cause: cause}
	}
	if s.given(setting) {
		return bad(fmt.Errorf("the token is given by %s too; leave one of the two out", s.origin[setting]))
	}
	content, err := readSmall(s.tokenFile, inFile, 2*largestToken) // Twice, for the white space around it.
	if errors.Is(err, fs.ErrNotExist) {
		return bad(errors.New("no such file; name one that is there, or leave the setting out"))
	}
	if err != nil {
		return bad(err)
	}
	c.PluginAdminToken, err = parseBearer(string(content))
	if err != nil {
		return bad(fmt.Errorf("the file's content is %w", err))
	}
	return nil
}
