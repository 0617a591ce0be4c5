// Package env reads the environment of the process, and shows it without giving its secrets away.
//
// podinfo publishes its environment (the route /env and the gRPC EnvService) because that is how people look into a pod
// while they learn. Pods, functions and CI jobs also carry credentials in there, so values are masked unless the
// operator asks for them. The rules err towards masking: a harmless value that is hidden costs a look elsewhere, a
// secret that is shown costs the secret.
package env

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// mask replaces what is hidden. Its length tells nothing about the length of the secret.
const mask = "********"

// pem is in every private key that is written as text (RFC 7468), such as that of a Google service account, whose whole
// JSON people put into variables of all names.
const pem = "PRIVATE KEY-----"

var (
	// A secret is known by a part of its variable's name, wherever it stands: APIKEY, AWS_SECRET_ACCESS_KEY, keyFile.
	// The AWS credentials (access key id, secret key, session and security token, container authorization) all match.
	// HEADERS is there for OTEL_EXPORTER_OTLP_HEADERS, which carries the collector's bearer token; a DSN, a connection
	// string and a webhook's address are secrets as a whole.
	secretParts = []string{
		"KEY", "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "AUTH", "COOKIE", "PRIVATE", "SIGNATURE",
		"HEADERS", "DSN", "CONNECTION_STRING", "CONNECTIONSTRING", "WEBHOOK",
	}

	// Short words count only when they stand alone between separators: DB_PASS does, COMPASS_URL does not.
	secretWords = []string{"PASS", "PWD", "PIN", "SALT"}

	// These hold a directory, whatever their names look like.
	notSecret = []string{"PWD", "OLDPWD"}

	// The user information of a URL (RFC 3986 section 3.2.1). It runs to the last @ of the word, because people leave
	// an @ or a / in a password unescaped.
	userInfo = pattern(`([A-Za-z][A-Za-z0-9+.-]*://)([^\s:@/]*:)?[^\s]*@`)

	// A secret as a parameter, in a URL's query or a list of settings: password=x, api_key=x.
	parameter = pattern(
		`(?i)([a-z0-9_.-]*(?:passw|passphrase|pwd|secret|token|credential|api[_-]?key|access[_-]?key)[a-z0-9_.-]*=)` +
			`[^\s&;]+`)
)

// pattern compiles an expression when it is first needed, so that no process waits for it at its start.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// List returns the variables of environ (as from [os.Environ]) as NAME=value, in the same order. The result is a copy
// and never nil. Unless showSecrets is set, the value of a variable whose name looks like a secret, or that holds a
// private key, is masked as a whole (an empty value stays empty), and the others are passed through [Redact].
func List(environ []string, showSecrets bool) []string {
	list := make([]string, 0, len(environ))
	if showSecrets {
		return append(list, environ...)
	}
	for _, variable := range environ {
		list = append(list, masked(variable))
	}
	return list
}

// Redact returns text with the secrets masked that can be told by their shape: the password of a URL (its whole user
// information when it has no password, since that is then a token), and parameters such as password=x.
func Redact(text string) string {
	if strings.Contains(text, "://") {
		text = userInfo().ReplaceAllString(text, "${1}${2}"+mask+"@")
	}
	if strings.Contains(text, "=") {
		text = parameter().ReplaceAllString(text, "${1}"+mask)
	}
	return text
}

func masked(variable string) string {
	name, value, found := strings.Cut(variable, "=")
	switch {
	case !found || value == "":
		return variable
	case secretName(name), strings.Contains(value, pem):
		return name + "=" + mask
	default:
		return name + "=" + Redact(value)
	}
}

func secretName(name string) bool {
	name = strings.ToUpper(name)
	if slices.Contains(notSecret, name) {
		return false
	}
	for _, part := range secretParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(secretWords, word) })
}
