// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// A token that answers questions after balances and allowances as no token should. The rest of it is well-behaved.
contract Misfit {
    enum Habit {
        Reverts,
        // Every gas that it was given is gone at once.
        BurnsGas,
        // So many bytes, of which the first 32 are the number 7.
        Returns
    }

    string public constant name = 'Misfit';
    string public constant symbol = 'MISFIT';
    uint8 public constant decimals = 18;
    Habit private immutable habit;
    uint256 private immutable size;

    constructor(Habit habit_, uint256 size_) {
        (habit, size) = (habit_, size_);
    }

    function balanceOf(address) external view returns (uint256) {
        answer();
    }

    function allowance(address, address) external view returns (uint256) {
        answer();
    }

    function answer() private view {
        require(habit != Habit.Reverts, 'Misfit: over quota, too many requests');
        bool burns = habit == Habit.BurnsGas;
        uint256 length = size;
        assembly {
            if burns {
                invalid()
            }
            mstore(0, 7)
            mstore(32, not(0))
            return(0, length)
        }
    }
}
