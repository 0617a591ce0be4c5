package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check looks at one side of an answer and says in words what is wrong with it.
type check func(*exchange) error

func status(codes ...int) check {
	return func(x *exchange) error {
		if slices.Contains(codes, x.answer.StatusCode) {
			return nil
		}
		var wanted []string
		for _, code := range codes {
			wanted = append(wanted, strings.TrimSpace(fmt.Sprint(code, " ", http.StatusText(code))))
		}
		return fmt.Errorf("the status is %s, want %s", x.answer.Status, strings.Join(wanted, " or "))
	}
}

// reason checks the words behind the status code.
func reason(want string) check {
	return func(x *exchange) error {
		_, got, _ := strings.Cut(x.answer.Status, " ")
		return differ("the reason phrase", got, want)
	}
}

func protocol(want string) check {
	return func(x *exchange) error { return differ("the protocol", x.answer.Proto, want) }
}

// header checks that a header is there once, with that value.
func header(name, value string) check {
	return func(x *exchange) error {
		values, want := x.answer.Header.Values(name), x.expand(value)
		if len(values) != 1 || values[0] != want {
			return fmt.Errorf("the header %s is %q, want %q", name, values, want)
		}
		return nil
	}
}

func noHeader(names ...string) check {
	return func(x *exchange) error {
		for _, name := range names {
			if values := x.answer.Header.Values(name); len(values) > 0 {
				return fmt.Errorf("there is a header %s: %q, want none", name, values)
			}
		}
		return nil
	}
}

func contentType(want string) check { return header("Content-Type", want) }

// media checks the media type alone, whatever its parameters are.
func media(want string) check {
	return func(x *exchange) error {
		got, _, _ := mime.ParseMediaType(x.answer.Header.Get("Content-Type"))
		return differ("the media type", got, want)
	}
}

func nosniff() check { return header("X-Content-Type-Options", "nosniff") }

// closes checks that the answer announces the end of its connection.
func closes() check {
	return func(x *exchange) error {
		if x.answer.Close {
			return nil
		}
		return errors.New("the answer does not say Connection: close")
	}
}

// allow checks that exactly these methods are said to be allowed (RFC 9110 section 15.5.6).
func allow(methods ...string) check {
	return func(x *exchange) error {
		var got []string
		for _, line := range x.answer.Header.Values("Allow") {
			for method := range strings.SplitSeq(line, ",") {
				got = append(got, strings.TrimSpace(method))
			}
		}
		slices.Sort(got)
		if slices.Equal(got, slices.Sorted(slices.Values(methods))) {
			return nil
		}
		return fmt.Errorf("the methods in Allow are %q, want %q", got, methods)
	}
}

func body(want string) check {
	return func(x *exchange) error { return differ("the body", string(x.body), x.expand(want)) }
}

// filledBody checks that the body is size times the letter x.
func filledBody(size int) check {
	return func(x *exchange) error {
		if len(x.body) == size && bytes.Count(x.body, []byte("x")) == size {
			return nil
		}
		return fmt.Errorf("the body has %d bytes, want the %d bytes that were sent", len(x.body), size)
	}
}

func contains(parts ...string) check {
	return func(x *exchange) error {
		for _, part := range parts {
			if want := x.expand(part); !bytes.Contains(x.body, []byte(want)) {
				return fmt.Errorf("the body does not contain %q", want)
			}
		}
		return nil
	}
}

func lacks(parts ...string) check {
	return func(x *exchange) error {
		for _, part := range parts {
			if unwanted := x.expand(part); bytes.Contains(x.body, []byte(unwanted)) {
				return fmt.Errorf("the body contains %q", unwanted)
			}
		}
		return nil
	}
}

// slowerThan checks that the whole answer took at least that long.
func slowerThan(least time.Duration) check {
	return func(x *exchange) error {
		if x.took >= least {
			return nil
		}
		return fmt.Errorf("the answer was there after %s, want it to take %s", x.took.Round(time.Millisecond), least)
	}
}

func fasterThan(most time.Duration) check {
	return func(x *exchange) error {
		if x.took <= most {
			return nil
		}
		return fmt.Errorf("the answer took %s, want less than %s", x.took.Round(time.Millisecond), most)
	}
}

// jsonReply checks the form that all JSON answers have: their type, two spaces of indentation, no newline at the end.
func jsonReply() check {
	return all(contentType("application/json; charset=utf-8"), nosniff(), func(x *exchange) error {
		var indented bytes.Buffer
		if err := json.Indent(&indented, x.body, "", "  "); err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
		// json.Indent keeps the space after the value, and has nothing to say about the space in an empty one.
		return differ("the form of the JSON", string(x.body), strings.TrimSpace(indented.String()))
	})
}

// sized checks that the answer says how long it is.
func sized() check {
	return func(x *exchange) error { return header("Content-Length", strconv.Itoa(len(x.body)))(x) }
}

// rawReply checks the form of answers that give back what a client sent: no browser may take them for a page.
func rawReply() check {
	return all(
		contentType("application/octet-stream"), nosniff(), header("Content-Security-Policy", "default-src 'none'"),
	)
}

// jsonIs checks that the answer has the JSON form and is, as a value, the same as want.
func jsonIs(want string) check {
	return all(jsonReply(), jsonValue(want))
}

// jsonValue checks the value alone.
func jsonValue(want string) check {
	return func(x *exchange) error {
		var got, wanted any
		if err := json.Unmarshal([]byte(x.expand(want)), &wanted); err != nil {
			return fmt.Errorf("the table itself is wrong: %q is not JSON: %w", want, err)
		}
		if err := json.Unmarshal(x.body, &got); err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
		if reflect.DeepEqual(got, wanted) {
			return nil
		}
		return fmt.Errorf("the value is %s, want %s", compact(got), compact(wanted))
	}
}

// textKeys checks that the answer is a JSON object with exactly these keys in this order, all of them strings.
func textKeys(keys ...string) check {
	return all(jsonReply(), func(x *exchange) error {
		var object map[string]string
		if err := json.Unmarshal(x.body, &object); err != nil {
			return fmt.Errorf("the body is not an object of strings: %w", err)
		}
		order := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
			return bytes.Index(x.body, []byte(`"`+a+`":`)) - bytes.Index(x.body, []byte(`"`+b+`":`))
		})
		if slices.Equal(order, keys) {
			return nil
		}
		return fmt.Errorf("the keys are %q, want %q", order, keys)
	})
}

// field checks that the object in the answer has a string under key that matches all of pattern.
func field(key, pattern string) check {
	return func(x *exchange) error {
		got, err := x.field(key)
		if err != nil {
			return err
		}
		whole, err := regexp.Compile(`^(?:` + x.expand(pattern) + `)$`)
		if err != nil {
			return fmt.Errorf("the table itself is wrong: %w", err)
		}
		if whole.MatchString(got) {
			return nil
		}
		return fmt.Errorf("%s is %q, want it to match %s", key, got, whole)
	}
}

// fieldIs checks that the object in the answer has exactly this string under key.
func fieldIs(key, want string) check {
	return func(x *exchange) error {
		got, err := x.field(key)
		if err != nil {
			return err
		}
		return differ(key, got, x.expand(want))
	}
}

// save keeps a string of the answer's object for the steps that follow, as ${name}.
func save(name, key string) check {
	return func(x *exchange) error {
		value, err := x.field(key)
		if err != nil {
			return err
		}
		x.vars[name] = value
		return nil
	}
}

// field returns the string under key in the answer's object.
func (x *exchange) field(key string) (string, error) {
	var object map[string]any
	if err := json.Unmarshal(x.body, &object); err != nil {
		return "", fmt.Errorf("the body is not a JSON object: %w", err)
	}
	value, ok := object[key].(string)
	if !ok {
		return "", fmt.Errorf("the body has no string under %q", key)
	}
	return value, nil
}

// errorObject checks an error: the status, and the object that repeats it beside a message, which must contain words.
func errorObject(code int, words ...string) check {
	return all(status(code), jsonReply(), func(x *exchange) error {
		var object struct {
			Code    int
			Message string
		}
		decoder := json.NewDecoder(bytes.NewReader(x.body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&object); err != nil {
			return fmt.Errorf("the body is not an error object: %w", err)
		}
		if object.Code != code {
			return fmt.Errorf("the code in the error object is %d, want %d", object.Code, code)
		}
		if object.Message == "" {
			return errors.New("the error object has no message")
		}
		for _, w := range words {
			if !strings.Contains(object.Message, w) {
				return fmt.Errorf("the message is %q, want it to contain %q", object.Message, w)
			}
		}
		return nil
	})
}

// all joins checks; the first one that fails speaks for all.
func all(checks ...check) check {
	return func(x *exchange) error {
		for _, c := range checks {
			if err := c(x); err != nil {
				return err
			}
		}
		return nil
	}
}

// given limits a check to targets that have a capability, in a case that shows enough without it. Another case needs
// that capability, so that its lack shows.
func given(c Capability, look check) check {
	return func(x *exchange) error {
		if x.target.Lacking(c) != "" {
			return nil
		}
		return look(x)
	}
}

func differ(what, got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s is %s, want %s", what, abridged(got), abridged(want))
}

func abridged(text string) string {
	const enough = 200
	if len(text) <= enough {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q... (%d bytes)", text[:enough], len(text))
}

func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
