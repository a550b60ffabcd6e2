"""Lua 5.0 chunks, compiled to pieces. Source: the Lua 5.0 reference manual, §2.3 to §2.5."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from labctl_simulators.lua import statements as st
from labctl_simulators.lua import steps as ex
from labctl_simulators.lua.lexer import LuaSyntaxError, Token, tokens
from labctl_simulators.lua.steps import Expression, Statement
from labctl_simulators.lua.values import truthy

DEEPEST = 60
LONGEST_CHAIN = 120
# left and right binding power; a smaller right one makes the operator associate to the right
POWERS = {
    "or": (1, 1),
    "and": (2, 2),
    **{word: (3, 3) for word in ("<", ">", "<=", ">=", "~=", "==")},
    "..": (4, 3),
    "+": (5, 5),
    "-": (5, 5),
    "*": (6, 6),
    "/": (6, 6),
    "^": (9, 8),
}
UNARY_POWER = 7
BLOCK_ENDS = ("end", "else", "elseif", "until", "<eof>")


def compile_chunk(source: str) -> Statement:
    """A whole chunk as one statement. Raises LuaSyntaxError."""
    return _short(source) if len(source) <= 256 else _Parser(source).chunk()


@lru_cache(maxsize=512)
def _short(source: str) -> Statement:
    return _Parser(source).chunk()


class _Parser:
    """One pass over the tokens."""

    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._at = 0
        self._depth = 0
        self._loops = 0
        self._place: Expression | st.Target | None = None

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _sees(self, *texts: str) -> bool:
        token = self._token
        return token.text in texts and token.kind in ("keyword", "symbol", "end")

    def _takes(self, text: str) -> bool:
        if not self._sees(text):
            return False
        self._at += 1
        return True

    def _needs(self, text: str) -> None:
        if not self._takes(text):
            raise self._wrong(f"`{text}' expected")

    def _name(self) -> str:
        token = self._token
        if token.kind != "name":
            raise self._wrong("<name> expected")
        self._at += 1
        return token.text

    def _wrong(self, words: str = "unexpected symbol") -> LuaSyntaxError:
        return LuaSyntaxError(self._token.line, words, self._token.text)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("chunk has too many syntax levels")

    def _longer(self, length: int) -> int:
        if length >= LONGEST_CHAIN:
            raise self._wrong("chunk has too many syntax levels")
        return length + 1

    # Statements

    def chunk(self) -> Statement:
        body = self._block()
        if not self._sees("<eof>"):
            raise self._wrong("`<eof>' expected")
        return body

    def _block(self) -> Statement:
        self._deeper()
        found: list[Statement] = []
        while not self._sees(*BLOCK_ENDS):
            last = self._sees("return", "break")
            line = self._token.line
            found.append(replace(self._statement(), line=line))
            self._takes(";")
            if last:
                break
        self._depth -= 1
        return st.block(found)

    def _statement(self) -> Statement:
        known: dict[str, Callable[[], Statement]] = {
            "if": self._if,
            "while": self._while,
            "for": self._for,
            "repeat": self._repeat,
            "do": self._do,
            "function": self._function,
            "local": self._local,
            "return": self._return,
            "break": self._break,
        }
        if self._token.kind == "keyword" and self._token.text in known:
            word = self._token.text
            self._at += 1
            return known[word]()
        return self._call_or_assignment()

    def _body(self) -> Statement:
        body = self._block()
        self._needs("end")
        return body

    def _loop(self, close: Callable[[], Statement]) -> Statement:
        self._loops += 1
        body = close()
        self._loops -= 1
        return body

    def _if(self) -> Statement:
        branches = [self._branch()]
        otherwise = st.block([])
        while True:
            if self._takes("elseif"):
                branches.append(self._branch())
            elif self._takes("else"):
                otherwise = st.inside(self._block())
                break
            else:
                break
        self._needs("end")
        return st.when(branches, otherwise)

    def _branch(self) -> tuple[Expression, Statement]:
        condition = ex.single(self._expression())
        self._needs("then")
        return condition, st.inside(self._block())

    def _while(self) -> Statement:
        condition = ex.single(self._expression())
        self._needs("do")
        return st.while_do(condition, self._loop(self._body))

    def _repeat(self) -> Statement:
        body = self._loop(self._block)
        self._needs("until")
        return st.repeat_until(body, ex.single(self._expression()))

    def _do(self) -> Statement:
        return st.inside(self._body())

    def _for(self) -> Statement:
        words = [self._name()]
        if self._takes("="):
            limits = self._expressions()
            if not 2 <= len(limits) <= 3:
                raise self._wrong("`,' expected")
            self._needs("do")
            each = ex.listed([ex.single(limit) for limit in limits])
            return st.count_for(words[0], each, self._loop(self._body))
        while self._takes(","):
            words.append(self._name())
        self._needs("in")
        iterator = ex.listed(self._expressions())
        self._needs("do")
        return st.each_for(words, iterator, self._loop(self._body))

    def _function(self) -> Statement:
        word = self._name()
        owner: Expression | None = None
        key, shown = word, word
        while self._sees(".", ":"):
            is_method = self._token.text == ":"
            self._at += 1
            owner = ex.name(word) if owner is None else self._member(owner, key, shown)
            shown, key = key, self._name()
            if is_method:
                return self._define(owner, key, ("self",))
        return self._define(owner, key, ())

    def _member(self, owner: Expression, key: str, shown: str) -> Expression:
        return ex.index(owner, ex.constant(key), shown)

    def _define(self, owner: Expression | None, key: str, first: tuple[str, ...]) -> Statement:
        made = ex.listed([self._function_body(first)])
        if owner is None:
            return st.assign([st.variable(key)], made)
        return st.assign([st.element(owner, ex.constant(key))], made)

    def _function_body(self, first: tuple[str, ...] = ()) -> Expression:
        self._needs("(")
        parameters, rest = list(first), False
        while not self._sees(")"):
            if self._takes("..."):
                rest = True
                break
            parameters.append(self._name())
            if not self._takes(","):
                break
        self._needs(")")
        loops, self._loops = self._loops, 0
        body = self._body()
        self._loops = loops
        return ex.make_function(tuple(parameters), rest, body)

    def _local(self) -> Statement:
        if self._takes("function"):
            return st.local_function(self._name(), self._function_body())
        words = [self._name()]
        while self._takes(","):
            words.append(self._name())
        values = self._expressions() if self._takes("=") else []
        return st.local(words, ex.listed(values))

    def _return(self) -> Statement:
        values = [] if self._sees(*BLOCK_ENDS, ";") else self._expressions()
        return st.give_back(ex.listed(values))

    def _break(self) -> Statement:
        if not self._loops:
            raise self._wrong("no loop to break")
        return st.stop_loop()

    def _call_or_assignment(self) -> Statement:
        target = self._suffixed()
        place = self._place
        if place is None:
            if not target.many:
                raise self._wrong()
            return st.do_call(target)
        if not self._sees("=", ","):
            raise self._wrong("`=' expected")
        targets = [place]
        while self._takes(","):
            self._suffixed()
            if self._place is None:
                raise self._wrong()
            targets.append(self._place)
        self._needs("=")
        return st.assign(targets, ex.listed(self._expressions()))

    # Expressions

    def _expressions(self) -> list[Expression]:
        found = [self._expression()]
        while self._takes(","):
            found.append(self._expression())
        return found

    def _expression(self, weakest: int = 0) -> Expression:
        self._deeper()
        if self._takes("not"):
            left = ex.unary(lambda value: not truthy(value), self._expression(UNARY_POWER))
        elif self._takes("-"):
            left = ex.unary(ex.negative, self._expression(UNARY_POWER))
        else:
            left = self._simple()
        length = 0
        while self._token.kind in ("symbol", "keyword") and self._token.text in POWERS:
            length = self._longer(length)
            word = self._token.text
            power, right_power = POWERS[word]
            if power <= weakest:
                break
            self._at += 1
            left = _operation(word, left, self._expression(right_power))
        self._depth -= 1
        return left

    def _simple(self) -> Expression:
        token = self._token
        if token.kind in ("number", "string"):
            self._at += 1
            return ex.constant(float(token.text) if token.kind == "number" else token.text)
        for word, value in (("nil", None), ("true", True), ("false", False)):
            if self._takes(word):
                return ex.constant(value)
        if self._sees("{"):
            return self._table()
        if self._takes("function"):
            return self._function_body()
        return self._suffixed()

    def _suffixed(self) -> Expression:
        """A name or parenthesis with what follows; `_place` is then where it could be assigned."""
        place: ex.Expression | st.Target | None = None
        if self._takes("("):
            found = ex.single(self._expression())
            found = Expression(found.run, found.calls)
            self._needs(")")
        else:
            word = self._name()
            found, place = ex.name(word), st.variable(word)
        length = 0
        while True:
            length = self._longer(length)
            if self._takes("."):
                word = self._name()
                place = st.element(found, ex.constant(word))
                found = ex.index(found, ex.constant(word), word)
            elif self._takes("["):
                key = ex.single(self._expression())
                self._needs("]")
                place = st.element(found, key)
                found = ex.index(found, key, None)
            elif self._takes(":"):
                method = self._name()
                found, place = ex.call(found, self._arguments(), method), None
            elif self._sees("(", "{") or self._token.kind == "string":
                found, place = ex.call(found, self._arguments()), None
            else:
                self._place = place
                return found

    def _arguments(self) -> Expression:
        if self._token.kind == "string":
            self._at += 1
            return ex.listed([ex.constant(self._tokens[self._at - 1].text)])
        if self._sees("{"):
            return ex.listed([self._table()])
        self._needs("(")
        given = [] if self._sees(")") else self._expressions()
        self._needs(")")
        return ex.listed(given)

    def _table(self) -> Expression:
        self._deeper()
        self._needs("{")
        pairs: list[tuple[Expression | None, Expression]] = []
        while not self._sees("}"):
            pairs.append(self._pair())
            if not (self._takes(",") or self._takes(";")):
                break
        self._needs("}")
        self._depth -= 1
        return ex.make_table(pairs)

    def _pair(self) -> tuple[Expression | None, Expression]:
        if self._takes("["):
            key = self._expression()
            self._needs("]")
            self._needs("=")
            return key, self._expression()
        following = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        if self._token.kind == "name" and following.text == "=" and following.kind == "symbol":
            word = self._name()
            self._needs("=")
            return ex.constant(word), self._expression()
        return None, self._expression()


def _operation(word: str, left: Expression, right: Expression) -> Expression:
    if word in ("and", "or"):
        return ex.either(left, right, goes_on=word == "and")
    if word == "..":
        return ex.join(left, right)
    act = ex.ARITHMETIC.get(word) or ex.COMPARISONS[word]
    return ex.binary(act, left, right)
