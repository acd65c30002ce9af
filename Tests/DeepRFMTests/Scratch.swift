import TestSupport

typealias ScratchDirectory = TestSupport.ScratchDirectory
