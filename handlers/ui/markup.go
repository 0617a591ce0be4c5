package ui

import (
	"bytes"
	"errors"
	"html"
	"strings"
)

// markup writes a page and keeps track of where in it the next byte stands, so that a value can be escaped for that
// place. Literal text comes from the template and is trusted; values are not. It follows the tokenizer of the HTML
// standard (https://html.spec.whatwg.org/multipage/parsing.html#tokenization) as far as that matters here.
type markup struct {
	out *bytes.Buffer

	at      place
	begin   int    // where in out the name, value or raw text that is being written begins
	element string // the tag being written, or the one whose raw text this is, in lower case
	closing bool   // whether that tag is a closing one
	attr    string // the attribute whose value is being written, in lower case
	quote   byte   // around that value; 0 for none
	script  script // where in JavaScript, when this is some
}

// place is where in the page the next byte stands.
type place int

const (
	inText place = iota
	inTagOpen
	inDeclaration
	inComment
	inTagName
	inTag
	inAttrName
	afterAttrName
	beforeValue
	inValue
	inRawText
)

var (
	errInsideTag = errors.New("a value can stand in text or in a quoted attribute, not inside a tag")
	errUnquoted  = errors.New("the attribute's value needs quotes around it")
	errRawText   = errors.New("a value cannot be made safe inside this element")
	errSrcdoc    = errors.New("a value cannot be made safe inside srcdoc")
)

// literal writes text of the template.
func (m *markup) literal(text []byte) {
	for _, c := range text {
		m.out.WriteByte(c)
		m.step(c)
	}
}

// value writes a value, escaped for the place it stands in, or fails where nothing would make it safe.
func (m *markup) value(s string) error {
	switch m.at {
	case inText:
		m.out.WriteString(html.EscapeString(s))
	case inComment:
		// Nobody sees a comment.
	case inRawText:
		return m.rawValue(s)
	case beforeValue:
		return errUnquoted
	case inValue:
		return m.attrValue(s)
	default:
		return errInsideTag
	}
	return nil
}

func (m *markup) rawValue(s string) error {
	switch m.element {
	case "title", "textarea":
		m.out.WriteString(html.EscapeString(s))
	case "script":
		m.out.WriteString(m.script.escape(s))
	case "style":
		m.out.WriteString(escapeCSS(s))
	default:
		return errRawText
	}
	return nil
}

func (m *markup) attrValue(s string) error {
	if m.quote == 0 {
		return errUnquoted
	}
	switch kind(m.attr) {
	case document:
		return errSrcdoc
	case scriptCode:
		s = m.script.escape(s)
	case styleRules:
		s = escapeCSS(s)
	case address:
		var err error
		if s, err = escapeURL(string(m.out.Bytes()[m.begin:]), s); err != nil {
			return err
		}
	}
	m.out.WriteString(html.EscapeString(s))
	return nil
}

// step moves on by c, which was written last.
func (m *markup) step(c byte) {
	switch m.at {
	case inText:
		if c == '<' {
			m.at, m.closing = inTagOpen, false
		}
	case inTagOpen:
		m.openTag(c)
	case inDeclaration:
		m.declare(c)
	case inComment:
		if c == '>' && bytes.HasSuffix(m.out.Bytes(), []byte("-->")) {
			m.at = inText
		}
	case inTagName:
		if isSpace(c) || c == '/' || c == '>' {
			m.element = m.name()
			m.betweenAttrs(c)
		}
	case inTag:
		m.betweenAttrs(c)
	case inAttrName, afterAttrName:
		m.nameAttr(c)
	case beforeValue:
		m.openValue(c)
	case inValue:
		m.walkValue(c)
	case inRawText:
		m.walkRawText(c)
	}
}

func (m *markup) openTag(c byte) {
	switch {
	case isLetter(c):
		m.at, m.begin = inTagName, m.out.Len()-1
	case c == '/' && !m.closing:
		m.closing = true
	case c == '!' || c == '?' || m.closing:
		m.at = inDeclaration
		m.declare(c)
	case c != '<':
		m.at = inText
	}
}

// declare walks a doctype, or a comment once it turns out to be one.
func (m *markup) declare(c byte) {
	switch {
	case c == '>':
		m.at = inText
	case bytes.HasSuffix(m.out.Bytes(), []byte("<!--")):
		m.at = inComment
	}
}

func (m *markup) betweenAttrs(c byte) {
	switch {
	case c == '>':
		m.closeTag()
	case isSpace(c) || c == '/':
		m.at = inTag
	default:
		m.at, m.begin = inAttrName, m.out.Len()-1
	}
}

func (m *markup) nameAttr(c byte) {
	ends := c == '=' || c == '/' || c == '>' || isSpace(c)
	if m.at == inAttrName && ends {
		m.attr = m.name()
	}
	switch {
	case c == '=':
		m.at = beforeValue
	case isSpace(c):
		m.at = afterAttrName
	case ends || m.at == afterAttrName:
		m.betweenAttrs(c)
	}
}

func (m *markup) openValue(c byte) {
	switch {
	case isSpace(c):
	case c == '>':
		m.closeTag()
	case c == '"' || c == '\'':
		m.at, m.quote, m.begin, m.script = inValue, c, m.out.Len(), script{}
	default:
		m.at, m.quote, m.begin = inValue, 0, m.out.Len()-1
	}
}

func (m *markup) walkValue(c byte) {
	switch {
	case m.quote != 0 && c == m.quote, m.quote == 0 && isSpace(c):
		m.at = inTag
	case m.quote == 0 && c == '>':
		m.closeTag()
	default:
		m.script.step(c)
	}
}

// closeTag ends a tag: after one of these elements comes text in which tags mean nothing.
func (m *markup) closeTag() {
	m.at = inText
	if m.closing {
		return
	}
	switch m.element {
	case "script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp", "plaintext":
		m.at, m.begin, m.script = inRawText, m.out.Len(), script{}
	}
}

// walkRawText ends raw text where its element's closing tag has its name.
func (m *markup) walkRawText(c byte) {
	m.script.step(c)
	if !isSpace(c) && c != '/' && c != '>' {
		return
	}
	end := "</" + m.element
	text := m.out.Bytes()[m.begin : m.out.Len()-1]
	if len(text) >= len(end) && strings.EqualFold(string(text[len(text)-len(end):]), end) {
		m.closing = true
		m.betweenAttrs(c)
	}
}

// name is the name that c, which was written last, has ended.
func (m *markup) name() string {
	return strings.ToLower(string(m.out.Bytes()[m.begin : m.out.Len()-1]))
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}

func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z'
}
