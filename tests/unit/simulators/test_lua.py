"""The Lua that runs on instruments: what it computes, what it refuses, and when it stops."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl_simulators.lua.lexer import LuaSyntaxError
from labctl_simulators.lua.library import install, spelled
from labctl_simulators.lua.parser import compile_chunk
from labctl_simulators.lua.steps import World
from labctl_simulators.lua.task import Task
from labctl_simulators.lua.values import Builtin, Heap, LuaError, Table, untimed

STEP_S = 1e-4


class Machine:
    """A world whose `print` is kept and whose `delay` waits."""

    def __init__(self, most_cells: int = 20_000) -> None:
        self.clock = 0.0
        self.said: list[str] = []
        self.world = World(Table(Heap(most_cells)), lambda number: f"{number:g}")
        install(self.world, seed=1)
        self.world.table.set("print", Builtin("print", self._print))
        self.world.table.set("delay", Builtin("delay", untimed, self._delay))

    def _print(self, values):
        self.said.append("\t".join(spelled(value, self.world) for value in values))
        return []

    def _delay(self, values):
        yield self.clock + values[0]
        return []

    def start(self, source: str) -> Task:
        return Task(compile_chunk(source), self.world, self, self.clock, STEP_S)

    def run(self, source: str, until: float = 10.0) -> list[str]:
        task = self.start(source)
        task.run(until)
        assert task.done
        return self.said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print(1 + 2 * 3 - 4 / 2, 2 ^ 3 ^ 2, -2 ^ 2)", "5\t512\t-4"),
        ("print(1 < 2, 'a' < 'b', 1 == '1', nil == false, 1 ~= 2)",
         "true\ttrue\tfalse\tfalse\ttrue"),
        ("print(nil and 1, false or 2, 3 and 4, not nil)", "nil\t2\t4\ttrue"),
        ("a, b = 1, 2 a, b = b, a print(a, b)", "2\t1"),
        ("local a = 1 do local a = 2 end print(a)", "1"),
        ("t = {1, 2, x = 3, ['y z'] = 4; 5} print(t[3], t.x, t['y z'], t.no)", "5\t3\t4\tnil"),
        ("t = {} t.a = {} t.a.b = 7 print(t.a.b)", "7"),
        ("function f(a, b) return b, a end print(f(1, 2))", "2\t1"),
        ("function f(...) return arg.n end print(f(1, nil, 3), (f(1)))", "3\t1"),
        ("function f() return 1, 2 end print(f(), f())", "1\t1\t2"),
        ("local function f(n) if n < 2 then return n end return f(n-1) + f(n-2) end print(f(12))",
         "144"),
        ("s = 0 for i = 10, 1, -3 do s = s + i end print(s)", "22"),
        ("for i = 1, 9 do if i == 4 then break end n = i end print(n)", "3"),
        ("n = 0 while true do n = n + 1 if n > 4 then break end end print(n)", "5"),
        ("n = 0 repeat local m = n n = n + 1 until m == 2 print(n)", "3"),
        ("s = 0 for k, v in pairs({5, 6, z = 7}) do s = s + v end print(s)", "18"),
        ("s = '' for i, v in ipairs({'a', 'b'}) do s = s .. i .. v end print(s)", "1a2b"),
        ("o = {n = 1} function o:up(by) self.n = self.n + by return self end print(o:up(2).n)",
         "3"),
        ("f = {} for i = 1, 3 do f[i] = function() return i end end print(f[1](), f[3]())", "1\t3"),
        ("print(type(print), type({}), type(nil), type('x'))", "function\ttable\tnil\tstring"),
        ("print(string.format('%d|%5.2f|%s|%%', 3.9, 2.5, 'x'))", "3| 2.50|x|%"),
        ("print(string.sub('hello', 2, -2), string.len('abc'), string.rep('ab', 2))",
         "ell\t3\tabab"),
        ("print(string.find('a.b', '.', 1, true), string.upper('x'))", "2\tX"),
        ("t = {3, 1, 2} table.sort(t) table.insert(t, 9) print(table.concat(t, '-'))", "1-2-3-9"),
        ("t = {1, 2, 3} print(table.remove(t, 1), table.getn(t), unpack(t))", "1\t2\t2\t3"),
        ("print(math.floor(-1.5), math.max(1, 5, 3), math.mod(7, 3), math.sqrt(-1))",
         "-2\t5\t1\tnan"),
        ("print(tonumber('0x') , tonumber('1e3'), tonumber('ff', 16), 1 / 0)",
         "nil\t1000\t255\tinf"),
        ("print(pcall(function() return 1 end)) ", "true\t1"),
        ("print(pcall(function() local x x.y = 1 end))",
         "false\tattempt to index global `x' (a nil value)"),
        ("--[[ a\nlong ]] print('b') -- rest", "b"),
        ("print('\\65\\n' == 'A\\n', [[raw\\n]])", "true\traw\\n"),
        ("print(bit.bitor(1, 6), bit.test(4, 3))", "7\ttrue"),
    ],
)  # fmt: skip
def test_what_it_computes(source, said):
    assert Machine().run(source) == [said]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = = 1", "at line 1: <name> expected near `='"),
        ("print(1\n", "at line 2: `)' expected near `<eof>'"),
        ("1 + 1", "<name> expected near `1'"),
        ("a.b", "`=' expected near `<eof>'"),
        ("f() = 1", "<name> expected near `='"),
        ("for i = 1 do end", "`,' expected near `do'"),
        ("break", "no loop to break"),
        ("x = 'a", "unfinished string"),
        ("x = [[a", "unfinished long string"),
        ("x = '\\999'", "escape sequence too large"),
        ("return 1 x = 2", "`<eof>' expected"),
        ("x = #t", "unexpected symbol near `#'"),
        ("x = 5 % 3", "unexpected symbol near `%'"),
        ("x = " + "(" * 500, "too many syntax levels"),
        ("x = 1" + " + 1" * 500, "too many syntax levels"),
        ("x = a" + ".a" * 500, "too many syntax levels"),
        ("\x00", "unexpected symbol near `char(0)'"),
    ],
)
def test_what_is_no_chunk(source, words):
    with pytest.raises(LuaSyntaxError) as caught:
        compile_chunk(source)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("foo.bar = 1", "attempt to index global `foo' (a nil value)", 1),
        ("a = 1\na.b.c = 2", "attempt to index global `a' (a number value)", 2),
        ("\n\nfoo()", "attempt to call global `foo' (a nil value)", 3),
        ("t = {} t.f()", "attempt to call field `f' (a nil value)", 1),
        ("x = {} + 1", "attempt to perform arithmetic on a table value", 1),
        ("x = 1 < 'a'", "attempt to compare number with string", 1),
        ("x = 'a' .. {}", "attempt to concatenate a table value", 1),
        ("t = {} t[nil] = 1", "table index is nil", 1),
        ("function f()\nreturn nil + 1\nend\nf()",
         "attempt to perform arithmetic on a nil value", 2),
        ("error('mine')", "mine", 1),
        ("function f() return f() + 1 end f()", "stack overflow", 1),
        ("s = 'a' while true do s = s .. s end", "not enough memory", 1),
        ("t = {} while true do t = {t} end", "not enough memory", 1),
        ("t, n = {}, 0 while true do n = n + 1 t[n] = n end", "not enough memory", 1),
        ("string.rep('x', 1e9)", "not enough memory", 1),
        ("string.find('a', '%a')", "patterns are not simulated", 1),
    ],
)  # fmt: skip
def test_what_ends_it(source, words, line):
    with pytest.raises(LuaError) as caught:
        Machine().run(source)
    assert (str(caught.value), caught.value.line) == (words, line)


def test_memory_that_is_let_go_can_be_taken_again():
    machine = Machine()
    for _ in range(5):
        machine.run("t = {} for i = 1, 9000 do t[i] = i end t = nil", until=1e3)
    assert machine.world.table.heap.taken < 200


def test_numbering_tables_for_print_takes_no_more_and_more_memory():
    machine = Machine()
    machine.run("for i = 1, 20000 do s = tostring({}) end", until=1e3)
    assert len(machine.world.numbered) <= 10_000


def test_it_stops_where_time_passes_and_goes_on_later():
    machine = Machine()
    task = machine.start("local function f() delay(10) return 'late' end print('soon') print(f())")
    task.run(9.0)
    assert (machine.said, task.done) == (["soon"], False)
    task.run(9.99)
    assert machine.said == ["soon"]
    task.run(11.0)
    assert (machine.said, task.done) == (["soon", "late"], True)


def test_an_endless_loop_takes_its_time_and_no_more():
    machine = Machine()
    task = machine.start("n = 0 while true do n = n + 1 end")
    task.run(0.5)
    assert not task.done
    assert machine.world.table.get("n") == pytest.approx(0.5 / STEP_S, abs=2)
    task.end()
    assert task.done


def test_an_error_in_a_protected_call_leaves_the_rest_running():
    said = Machine().run(
        "function deep(n) if n == 0 then error('x') end delay(1) return deep(n - 1) end "
        "ok, why = pcall(deep, 3) print(ok, why)"
    )
    assert said == ["false\tx"]


TEXT = st.text(alphabet=st.sampled_from("abif nd()=+-*/.<>~'\"[]{};,:123\n\\x00#%^"), max_size=60)


@settings(max_examples=300)
@given(TEXT)
def test_whatever_is_sent_ends_in_one_of_its_own_errors(source):
    machine = Machine()
    try:
        machine.start(source).run(0.05)
    except (LuaSyntaxError, LuaError):
        pass
