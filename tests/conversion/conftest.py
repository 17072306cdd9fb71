from tests.compiler import quick_compiler as quick_compiler
